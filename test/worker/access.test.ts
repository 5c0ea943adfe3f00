/** Who may do what: every route with every kind of key, in two isolates, and after the objects have started anew. */
import { abortAllDurableObjects } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';
import { app } from '../../worker/index.ts';
import { EXPORT_PATH } from '../../worker/ingest/grpc-web.ts';
import { QUERY_PATHS } from '../../worker/query/limits.ts';
import { type Fetch, startIsolate } from './isolate.ts';

/** The least that a route asks for; `login` is what asks for a key in its body. */
type Door = 'open' | 'ingest' | 'service' | 'read' | 'admin' | 'login';

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
  'POST /v1/hello': 'service',
  'POST /v1/goodbye': 'service',
  'POST /login': 'login',
  'POST /logout': 'open',
  'GET /metrics': 'read',
  'GET /metrics/red': 'read',
  'GET /api/traces': 'read',
  'GET /api/traces/count': 'read',
  'GET /api/traces/histogram': 'read',
  'GET /api/traces/stream': 'read',
  'GET /api/traces/:id': 'read',
  'GET /api/traces/:id/timeline': 'read',
  'GET /api/compare': 'read',
  'POST /api/traces/:id/keep': 'read',
  'DELETE /api/traces/:id': 'admin',
  'PUT /api/traces/:id/hold': 'admin',
  'DELETE /api/traces/:id/hold': 'admin',
  'GET /api/services': 'read',
  'GET /api/services/:service/instances': 'read',
  'GET /api/services/:service/operations': 'read',
  'GET /api/services/:service/dependencies': 'read',
  'GET /api/services/:service/exemplars': 'read',
  'GET /api/services/:service/red': 'read',
  'GET /api/dependencies': 'read',
  'GET /api/dependencies/changes': 'read',
  'GET /api/operations': 'read',
  'GET /jaeger/api/services': 'read',
  'GET /jaeger/api/services/:service/operations': 'read',
  'GET /jaeger/api/operations': 'read',
  'GET /jaeger/api/traces': 'read',
  'GET /jaeger/api/traces/:id': 'read',
  'GET /jaeger/api/dependencies': 'read',
  'GET /jaeger/api/metrics/minstep': 'read',
  'GET /jaeger/api/metrics/:metric': 'read',
  'GET /jaeger/api/v3/services': 'read',
  'GET /jaeger/api/v3/operations': 'read',
  'GET /jaeger/api/v3/traces': 'read',
  'GET /jaeger/api/v3/traces/:id': 'read',
  'GET /jaeger/api/v3/trace-summaries': 'read',
  'GET /jaeger/api/v3/dependencies': 'read',
  'GET /zipkin/config.json': 'read',
  'GET /zipkin/api/v2/services': 'read',
  'GET /zipkin/api/v2/spans': 'read',
  'GET /zipkin/api/v2/remoteServices': 'read',
  'GET /zipkin/api/v2/traces': 'read',
  'GET /zipkin/api/v2/trace/:id': 'read',
  'GET /zipkin/api/v2/traceMany': 'read',
  'GET /zipkin/api/v2/dependencies': 'read',
  'GET /zipkin/api/v2/autocompleteKeys': 'read',
  'GET /zipkin/api/v2/autocompleteValues': 'read',
  'GET /tempo/ready': 'read',
  'GET /tempo/api/echo': 'read',
  'GET /tempo/api/status/buildinfo': 'read',
  'GET /tempo/api/traces/:id': 'read',
  'GET /tempo/api/v2/traces/:id': 'read',
  'GET /tempo/api/search': 'read',
  'GET /tempo/api/search/tags': 'read',
  'GET /tempo/api/v2/search/tags': 'read',
  'GET /tempo/api/search/tag/:tag{.+}/values': 'read',
  'GET /tempo/api/v2/search/tag/:tag{.+}/values': 'read',
  'GET /tempo/api/metrics/query_range': 'read',
  'GET /tempo/api/metrics/query': 'read',
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
const GUARDS = [
  'ALL /*',
  'ALL /v1/*',
  'ALL /api/*',
  'ALL /metrics',
  'ALL /metrics/*',
  'ALL /api/keys/*',
  ...QUERY_PATHS.map((path) => `ALL ${path}`),
];

/** Where spans come in: any other method is 405 with a key that may send, 401 without. */
const INGEST_PATHS = ['/v1/traces', EXPORT_PATH, '/v1/batch', '/v1/spans', '/api/v2/spans'];

const SHOP = 'https://shop.example';
const CLASSES = ['page', 'service', 'read', 'admin'] as const;
type Class = (typeof CLASSES)[number];

/** Doors that a key in use opens. */
const OPENS: Readonly<Record<Class, readonly Door[]>> = {
  page: ['ingest'],
  service: ['ingest', 'service'],
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

const away = {
  getByName: () => ({ current: () => Promise.reject(new Error('away on purpose')) }),
} as unknown as Env['CONTROL'];

let spaces = '';

/** What an isolate knows it knows by the text of the variable: with another one it begins anew. */
function knowingNothing(bindings: Env): Env {
  spaces += ' ';
  return { ...bindings, TAILRACE_CONFIG: env.TAILRACE_CONFIG + spaces };
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
  const path = pattern.replace(':id', pattern.startsWith('/api/keys') ? 'key_none' : ID).replace(':service', 'till');
  const headers = new Headers(origin === undefined ? {} : { origin });
  if (secret !== null && asCookie) headers.set('cookie', `tailrace_read=${secret}`);
  else if (secret !== null && pattern !== '/login') headers.set('authorization', `Bearer ${secret}`);
  const body = pattern === '/login' ? JSON.stringify({ key: secret }) : '{';
  const hasBody = method === 'POST' || method === 'PUT';
  return fetch(new Request(`https://edge.test${path}`, { method, headers, ...(hasBody && { body }) }), env);
}

let first: Fetch;
let second: Fetch;
let third: Fetch;
const callers: Record<string, Caller> = {};

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  first = await startIsolate();
  second = await startIsolate();
  third = await startIsolate();
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
  const refusal = (door: Door) => (door === 'ingest' || door === 'service' ? 403 : 401);
  callers['a page key from a wrong origin'] = { ...page, origin: 'https://evil.example', opens: [], refusal };
  callers['a page key from no origin'] = { secret: page.secret, opens: [], refusal };
  callers['a read key in the cookie'] = { ...callers['a read key']!, asCookie: true, opens: ['read'] };
  callers['an admin key in the cookie'] = { ...callers['a admin key']!, asCookie: true, opens: ['read'] };
  vi.setSystemTime(Date.now() + 61_000);
});

afterAll(() => {
  vi.useRealTimers();
});

it.each(['null', '{', '', '[]', '{"key":{}}'])('refuses a login of %j', async (body) => {
  expect((await first(new Request('https://edge.test/login', { method: 'POST', body }), env)).status).toBe(401);
});

it('lets no page of another origin change anything with the login’s cookie, nor log anybody in', async () => {
  const from = async (origin: string, path: string) => {
    const headers = { origin, cookie: 'tailrace_read=test-read-key' };
    const body = '{"key":"test-read-key"}';
    return (await first(new Request(`https://edge.test${path}`, { method: 'POST', headers, body }), env)).status;
  };
  expect(await from('https://evil.test', `/api/traces/${ID}/keep`)).toBe(403);
  expect(await from('https://edge.test', `/api/traces/${ID}/keep`)).toBe(404);
  expect(await from('https://evil.test', '/login')).toBe(403);
  expect(await from('https://edge.test', '/login')).toBe(200);
});

it('says that the team of Cloudflare Access is no address', async () => {
  const bindings = { ...env, TAILRACE_ACCESS_TEAM: 'team.cloudflareaccess.com', TAILRACE_ACCESS_AUD: 'aud' };
  const headers = { 'cf-access-jwt-assertion': 'a.b.c' };
  const answer = await first(new Request('https://edge.test/api/services', { headers }), bindings);
  expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('TAILRACE_ACCESS_TEAM')]);
});

it('has a row for every route', () => {
  const routes = new Set(app.routes.map(({ method, path }) => `${method} ${path}`));
  const ingest = INGEST_PATHS.map((path) => `ALL ${path}`);
  expect([...routes].sort()).toEqual([...Object.keys(ROUTES), ...GUARDS, ...ingest].sort());
});

describe.each([
  ['the isolate that made the keys', () => first],
  ['another isolate', () => second],
  ['after a restart of the objects', () => third],
] as const)('%s', (place, isolate) => {
  beforeAll(async () => {
    if (place.startsWith('after')) await abortAllDurableObjects();
  });

  it.each(Object.entries(ROUTES))('%s is for %s', async (route, door) => {
    for (const [name, caller] of Object.entries(callers)) {
      // The login's key is in its body, whatever cookie there is.
      if (door === 'login' && caller.asCookie) continue;
      const { status } = await call(isolate(), route, caller);
      const isLetIn = door === 'open' || caller.opens.includes(door);
      const refusal = caller.refusal?.(door) ?? 401;
      expect([name, isLetIn ? [401, 403, 503].includes(status) : status]).toEqual([name, isLetIn ? false : refusal]);
    }
  });
});

it('refuses a key that was revoked in another isolate within ten seconds, and takes a new one at once', async () => {
  const key = await make(first, 'read');
  const caller: Caller = { secret: key.secret, opens: OPENS.read };
  const status = async () => (await call(second, 'GET /api/services', caller)).status;
  vi.setSystemTime(Date.now() + 1_000);
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
  const bindings = knowingNothing({ ...env, CONTROL: away });
  const request = (secret: string) =>
    new Request('https://edge.test/api/services', { headers: { authorization: `Bearer ${secret}` } });
  expect((await first(request('test-read-key'), bindings)).status).toBe(200);
  const refused = await first(request(callers['a read key']!.secret!), bindings);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
});

it.each(['retryable', 'overloaded'])('asks to come again where an object is not to be had: %s', async (property) => {
  const note = () => Promise.reject(Object.assign(new Error('reset on purpose'), { [property]: true }));
  const bindings = { ...env, CONTROL: { getByName: () => ({ note }) } as unknown as Env['CONTROL'] };
  const answer = await asAdmin(first, 'PUT', `/api/traces/${ID}/hold`, undefined, bindings);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
});

it('takes nothing but POST where spans come in, and says so only to who may send', async () => {
  for (const path of INGEST_PATHS) {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const status = async (secret: string | null) => {
        const { status, headers } = await call(first, `${method} ${path}`, { secret, opens: [] });
        return [status, headers.get('allow')];
      };
      expect(await status(null)).toEqual([401, null]);
      expect(await status('test-read-key')).toEqual([401, null]);
      expect(await status('test-ingest-key')).toEqual([405, 'POST']);
    }
  }
});

describe('without the secrets', () => {
  const { TAILRACE_ADMIN_KEY: _a, TAILRACE_INGEST_KEY: _i, TAILRACE_READ_KEY: _r, ...none } = env;

  it('a deployment in which nobody has made a key answers 503 to all but /health', async () => {
    const control = { getByName: () => env.CONTROL.getByName('without keys') } as unknown as Env['CONTROL'];
    const bindings = knowingNothing({ ...none, CONTROL: control });
    const ask: Fetch = (request) => first(request, bindings);
    for (const route of [...Object.keys(ROUTES), ...INGEST_PATHS.map((path) => `GET ${path}`), 'GET /nowhere']) {
      for (const secret of [null, 'test-admin-key', callers['a admin key']!.secret]) {
        const { status, headers } = await call(ask, route, { secret, origin: SHOP, opens: [] });
        const readable = headers.get('access-control-allow-origin');
        expect([route, status, readable]).toEqual(route === 'GET /health' ? [route, 200, null] : [route, 503, '*']);
      }
    }
  });

  it('the keys that were made open', async () => {
    const bindings = knowingNothing(none);
    const services = (secret: string) =>
      call((request) => first(request, bindings), 'GET /api/services', { secret, opens: [] });
    expect((await services(callers['a read key']!.secret!)).status).toBe(200);
    expect((await services('test-read-key')).status).toBe(401);
  });

  it('nobody is refused for good while the keys are not known', async () => {
    const bindings = knowingNothing({ ...none, CONTROL: away });
    const ask: Fetch = (request) => first(request, bindings);
    for (const secret of [null, callers['a read key']!.secret]) {
      const refused = await call(ask, 'GET /api/services', { secret, opens: [] });
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    }
  });
});
