/** Asks others in every way a Worker can, one a path, and answers with what came back. */

import { env as importedEnv } from 'cloudflare:workers';
import { instrument } from '../../../../client/edge/index.ts';
import type { Arithmetic } from './callee.ts';

interface Env {
  readonly EDGE: string;
  /** Origins of two servers; `traceparent` may go to the first. */
  readonly ALLOWED: string;
  readonly FOREIGN: string;
  readonly CALLEE: Fetcher;
  readonly RPC: Service<typeof Arithmetic>;
  readonly KV: KVNamespace;
}

const imported = importedEnv as unknown as Env;

const WAYS: Readonly<Record<string, (env: Env, request: Request) => Promise<unknown>>> = {
  '/binding-text': async ({ CALLEE }) => (await CALLEE.fetch('https://callee/path?token=s3cret')).json(),
  '/binding-request': async ({ CALLEE }) => {
    const request = new Request('https://callee/', { method: 'PUT', body: 'sent', headers: { 'x-custom': 'kept' } });
    return (await CALLEE.fetch(request)).json();
  },
  '/binding-init': async ({ CALLEE }) => {
    const init = { method: 'POST', body: 'sent', headers: { 'x-custom': 'kept' } };
    return (await CALLEE.fetch(new URL('https://callee/'), init)).json();
  },
  '/binding-forward': async ({ CALLEE }, request) => (await CALLEE.fetch('https://callee/', request)).json(),
  '/binding-failing': async ({ CALLEE }) => (await CALLEE.fetch('https://callee/?status=404')).status,
  '/bindings-parallel': ({ CALLEE }) =>
    Promise.all([1, 2, 3].map(async (n) => (await CALLEE.fetch(`https://callee/${n}`)).json())),
  '/rpc': async ({ RPC }) => ({
    sum: await RPC.add(1, 2),
    property: await RPC.answer,
    nested: await (await RPC.nested()).twice(4),
    fetched: await (await RPC.fetch('https://callee/')).text(),
    connects: typeof RPC.connect('callee:1').close,
    passedOn: await RPC.ask(RPC as unknown as Fetcher),
  }),
  '/imported': async () => (await imported.CALLEE.fetch('https://callee/')).status,
  '/kv': async ({ KV }) => {
    await KV.put('key', 'value');
    return KV.get('key');
  },
  '/bindings-listed': async (env) => ({
    names: Object.keys(env).sort(),
    same: Object.is(env.CALLEE, env.CALLEE),
    has: 'KV' in env,
  }),
  '/global-allowed': async ({ ALLOWED }) => (await fetch(`${ALLOWED}/x`, { headers: { 'x-custom': 'kept' } })).json(),
  '/global-foreign': async ({ FOREIGN }) => (await fetch(`${FOREIGN}/x`)).json(),
  '/global-unreachable': async () => fetch('http://127.0.0.1:1/').catch((error: Error) => `caught ${error.name}`),
  '/global-nonsense': async () => fetch('no url').catch((error: Error) => `caught ${error.name}: ${error.message}`),
  '/global-aborted': async ({ ALLOWED }) =>
    fetch(`${ALLOWED}/slow`, { signal: AbortSignal.timeout(50) }).catch((error: Error) => `caught ${error.name}`),
};

export default instrument<Env>(
  {
    async fetch(request, env) {
      const way = WAYS[new URL(request.url).pathname];
      return way ? Response.json(await way(env, request)) : new Response(null, { status: 404 });
    },
  },
  (env) => ({ serviceName: 'caller', endpoint: env.EDGE, propagateTo: [env.ALLOWED] }),
);
