/** Who may do what: every route with every kind of key, in two isolates, and after the objects have started anew. */
import { abortAllDurableObjects, createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';
import { app } from '../../worker/index.ts';
import { EXPORT_PATH } from '../../worker/ingest/grpc-web.ts';

/** The least that a route asks for; `login` is what asks for a key in its body. */
type Door = 'open' | 'ingest' | 'read' | 'admin' | 'login';

const ID = '00000000000000000000000000000abc';

const ROUTES: Readonly<Record<string, Door>> = {
  'GET /health': 'open',
  'GET /ready': 'open',
  'GET /v1/stream': 'ingest',
  'POST /v1/traces': 'ingest',
  [`POST ${EXPORT_PATH}`]: 'ingest',
  'POST /v1/batch': 'ingest',
  'POST /v1/spans': 'ingest',
  'POST /api/v2/spans': 'ingest',
  'GET /v1/config': 'ingest',
  'POST /v1/hello': 'ingest',
  'POST /v1/goodbye': 'ingest',
  'POST /login': 'login',
  'POST /logout': 'open',
  'GET /metrics': 'read',
  'GET /api/traces': 'read',
  'GET /api/traces/:id': 'read',
  'POST /api/traces/:id/keep': 'read',
  'DELETE /api/traces/:id': 'admin',
  'PUT /api/traces/:id/hold': 'admin',
  'DELETE /api/traces/:id/hold': 'admin',
  'GET /api/services': 'read',
  'GET /api/services/:id/instances': 'read',
  'GET /api/services/:id/operations': 'read',
  'GET /api/operations': 'read',
  'GET /api/export': 'read',
  'POST /api/expire': 'admin',
  'GET /api/config': 'read',
  'PUT /api/config': 'admin',
  'DELETE /api/config': 'admin',
  'POST /api/config/dry-run': 'read',
  'GET /api/keys': 'admin',
  'POST /api/keys': 'admin',
  'POST /api/keys/:id/rotate': 'admin',
  'DELETE /api/keys/:id': 'admin',
  'GET /api/audit': 'admin',
  'GET /api/quarantine': 'admin',
};

/** What stands before routes and answers nothing itself. */
const GUARDS = ['ALL /v1/*', 'ALL /api/*', 'ALL /metrics', 'ALL /api/keys/*'];

/** Where spans come in: any other method is 405 with a key that may send, 401 without. */
const INGEST_PATHS = ['/v1/traces', EXPORT_PATH, '/v1/batch', '/v1/spans', '/api/v2/spans'];

const SHOP = 'https://shop.example';
const CLASSES = ['page', 'service', 'read', 'admin'] as const;
type Class = (typeof CLASSES)[number];

/** Doors that a key in use opens. */
const OPENS: Readonly<Record<Class, readonly Door[]>> = {
  page: ['ingest'],
  service: ['ingest'],
  read: ['read', 'login'],
  admin: ['read', 'admin'],
};

interface Caller {
  readonly secret: string | null;
  readonly origin?: string;
  readonly asCookie?: boolean;
  readonly opens: readonly Door[];
  /** What the others say; 401 by default. */
  readonly refusal?: (door: Door) => number;
}

interface MadeKey {
  readonly id: string;
  readonly secret: string;
}

type Fetch = (request: Request, env: Env) => Promise<Response>;

/** A further instance of the Worker's modules: it knows only what it asks for. */
async function startIsolate(): Promise<Fetch> {
  vi.resetModules();
  const { default: worker } = await import('../../worker/index.ts');
  return async (request, bindings) => worker.fetch(request as never, bindings, createExecutionContext());
}

async function asAdmin(fetch: Fetch, method: string, path: string, body?: object, bindings: Env = env) {
  const headers = { authorization: 'Bearer test-admin-key' };
  return fetch(
    new Request(`https://edge.test${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) }),
    bindings,
  );
}

async function make(fetch: Fetch, keyClass: Class, more: object = {}): Promise<MadeKey> {
  const origins = keyClass === 'page' ? { origins: [SHOP] } : {};
  const wanted = { name: `test ${keyClass}`, class: keyClass, ...origins, ...more };
  const response = await asAdmin(fetch, 'POST', '/api/keys', wanted);
  expect(response.status).toBe(201);
  return response.json<MadeKey>();
}

function call(fetch: Fetch, route: string, { secret, origin, asCookie }: Caller): Promise<Response> {
  const [method, pattern] = route.split(' ') as [string, string];
  const path = pattern.replace(':id', pattern.startsWith('/api/keys') ? 'key_none' : ID);
  const headers = new Headers(origin === undefined ? {} : { origin });
  if (secret !== null && asCookie) headers.set('cookie', `tailrace_read=${secret}`);
  else if (secret !== null && pattern !== '/login') headers.set('authorization', `Bearer ${secret}`);
  const body = pattern === '/login' ? JSON.stringify({ key: secret }) : '{';
  const hasBody = method === 'POST' || method === 'PUT';
  return fetch(new Request(`https://edge.test${path}`, { method, headers, ...(hasBody && { body }) }), env);
}

let first: Fetch;
/** Nobody has used them yet. All are started before there is an object, which ends when the modules change. */
const fresh: Fetch[] = [];
const callers: Record<string, Caller> = {};

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  first = await startIsolate();
  for (let i = 0; i < 5; i++) fresh.push(await startIsolate());
  callers['without a key'] = { secret: null, opens: [] };
  callers['a wrong key'] = { secret: 'tr_admin_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', opens: [] };
  callers['the ingest secret'] = { secret: 'test-ingest-key', opens: OPENS.service };
  callers['the read secret'] = { secret: 'test-read-key', opens: OPENS.read };
  callers['the admin secret'] = { secret: 'test-admin-key', opens: OPENS.admin };
  const expires = new Date(Date.now() + 60_000).toISOString();
  for (const keyClass of CLASSES) {
    const opens = OPENS[keyClass];
    const origin = keyClass === 'page' ? { origin: SHOP } : {};
    const { secret } = await make(first, keyClass);
    callers[`a ${keyClass} key`] = { secret, ...origin, opens };
    const ending = await make(first, keyClass, { expires });
    callers[`an expired ${keyClass} key`] = { ...ending, ...origin, opens: [] };
    const revoked = await make(first, keyClass);
    expect((await asAdmin(first, 'DELETE', `/api/keys/${revoked.id}`)).status).toBe(204);
    callers[`a revoked ${keyClass} key`] = { ...revoked, ...origin, opens: [] };
    const old = await make(first, keyClass);
    const next = await asAdmin(first, 'POST', `/api/keys/${old.id}/rotate`, { graceSeconds: 60 });
    callers[`a rotated ${keyClass} key's old secret, too late`] = { ...old, ...origin, opens: [] };
    callers[`a rotated ${keyClass} key`] = { secret: (await next.json<MadeKey>()).secret, ...origin, opens };
    const graced = await make(first, keyClass);
    await asAdmin(first, 'POST', `/api/keys/${graced.id}/rotate`);
    callers[`a rotated ${keyClass} key's old secret, in time`] = { ...graced, ...origin, opens };
  }
  const page = callers['a page key']!;
  const refusal = (door: Door) => (door === 'ingest' ? 403 : 401);
  callers['a page key from a wrong origin'] = { ...page, origin: 'https://evil.example', opens: [], refusal };
  callers['a page key from no origin'] = { secret: page.secret, opens: [], refusal };
  callers['a read key in the cookie'] = { ...callers['a read key']!, asCookie: true, opens: ['read'] };
  callers['an admin key in the cookie'] = { ...callers['a admin key']!, asCookie: true, opens: ['read'] };
  vi.setSystemTime(Date.now() + 61_000);
});

afterAll(() => {
  vi.useRealTimers();
});

it('has a row for every route', () => {
  const routes = new Set(app.routes.map(({ method, path }) => `${method} ${path}`));
  const ingest = INGEST_PATHS.map((path) => `ALL ${path}`);
  expect([...routes].sort()).toEqual([...Object.keys(ROUTES), ...GUARDS, ...ingest].sort());
});

describe.each(['the isolate that made the keys', 'another isolate', 'after a restart of the objects'])(
  '%s',
  (place) => {
    let fetch: Fetch;

    beforeAll(async () => {
      if (place.startsWith('after')) await abortAllDurableObjects();
      fetch = place.startsWith('the isolate') ? first : fresh.pop()!;
    });

    it.each(Object.entries(ROUTES))('%s is for %s', async (route, door) => {
      for (const [name, caller] of Object.entries(callers)) {
        // The login's key is in its body, whatever cookie there is.
        if (door === 'login' && caller.asCookie) continue;
        const { status } = await call(fetch, route, caller);
        const isLetIn = door === 'open' || caller.opens.includes(door);
        const refusal = caller.refusal?.(door) ?? 401;
        expect([name, isLetIn ? [401, 403, 503].includes(status) : status]).toEqual([name, isLetIn ? false : refusal]);
      }
    });
  },
);

it('refuses a key that was revoked in another isolate within ten seconds, and takes a new one at once', async () => {
  const second = fresh.pop()!;
  const key = await make(first, 'read');
  const caller: Caller = { secret: key.secret, opens: OPENS.read };
  const status = async () => (await call(second, 'GET /api/services', caller)).status;
  expect(await status()).toBe(200);
  vi.setSystemTime(Date.now() + 2_000);
  await asAdmin(first, 'DELETE', `/api/keys/${key.id}`);
  expect(await status()).toBe(200);
  vi.setSystemTime(Date.now() + 10_000);
  expect(await status()).toBe(401);
  vi.setSystemTime(Date.now() + 1_000);
  const { secret } = await make(first, 'read');
  expect((await call(second, 'GET /api/services', { secret, opens: [] })).status).toBe(200);
});

it('lets the secrets in while Control is away, and asks all others to come again', async () => {
  const third = fresh.pop()!;
  const away = { getByName: () => ({ current: () => Promise.reject(new Error('away on purpose')) }) };
  const bindings = { ...env, CONTROL: away as unknown as Env['CONTROL'] };
  const request = (secret: string) =>
    new Request('https://edge.test/api/services', { headers: { authorization: `Bearer ${secret}` } });
  expect((await third(request('test-read-key'), bindings)).status).toBe(200);
  const refused = await third(request(callers['a read key']!.secret!), bindings);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
});

it('says that nothing is configured only where nobody has a key', async () => {
  const { TAILRACE_ADMIN_KEY: _a, TAILRACE_INGEST_KEY: _i, TAILRACE_READ_KEY: _r, ...none } = env;
  const last = fresh.pop()!;
  // Keys were made here: without the secrets they do.
  const services = (secret: string) =>
    last(new Request('https://edge.test/api/services', { headers: { authorization: `Bearer ${secret}` } }), none);
  expect((await services(callers['a read key']!.secret!)).status).toBe(200);
  expect((await services('test-read-key')).status).toBe(401);
});
