/** The edge's HTTP: routes, keys, errors. Stages are in their own files. */

import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, setCookie } from 'hono/cookie';
import { HTTPException } from 'hono/http-exception';
import { ConfigError } from '../durable-objects/config.ts';
import type { CurrentConfig } from '../durable-objects/config-source.ts';
import type { Env } from '../durable-objects/env.ts';
import { MAX_CONFIG_BYTES, MAX_CONTROL_BYTES } from '../model/limits.ts';
import type { RequestRejectionReason } from '../model/reasons.ts';
import { DIRECTIVES_HEADER, formatDirectives } from '../model/sdk-config.ts';
import { storeBindings } from '../store/bindings.ts';
import { createD1R2Store } from '../store/d1-r2.ts';
import { StoreError } from '../store/errors.ts';
import { meterBindings } from '../store/meter.ts';
import { rollUpStatistics } from '../store/roll-up.ts';
import type { Store } from '../store/store.ts';
import { listAudit, noteChange, noteRead } from './audit.ts';
import { checkLogin, READ_COOKIE, requireAdminKey, requireIngestKey, requireKeys, requireReadKey } from './auth.ts';
import { jaegerError, jaegerRoutes } from './compat/jaeger/routes.ts';
import { tempoRoutes } from './compat/tempo/routes.ts';
import { tempoError } from './compat/tempo/tempo-error.ts';
import { zipkinError, zipkinRoutes } from './compat/zipkin/routes.ts';
import { currentConfig } from './config.ts';
import { deleteConfig, dryRunConfig, putConfig, readConfig } from './control/config.ts';
import { expireDue, expireStep } from './control/expire.ts';
import { indexDue } from './control/index-due.ts';
import { eraseTrace, exportRange, holdTrace, keepTrace, parseTraceId } from './control/traces.ts';
import { countCost, countRejectedRequest, flushSoon } from './counters.ts';
import { HttpError, IngestError } from './errors.ts';
import { ingestBatch } from './ingest/batch.ts';
import { EXPORT_PATH, ingestRpc, rpcError } from './ingest/grpc-web.ts';
import { hello } from './ingest/hello.ts';
import { InFlight } from './ingest/in-flight.ts';
import { ingestOtlp, otlpError } from './ingest/otlp.ts';
import { currentPressure, PRESSURE_HEADER } from './ingest/pressure.ts';
import { listQuarantine } from './ingest/quarantine.ts';
import { ingestSpans, spansError } from './ingest/spans.ts';
import { openStream } from './ingest/stream.ts';
import { ingestZipkin } from './ingest/zipkin.ts';
import { createKey, listKeys, revokeKey, rotateKey } from './keys/api.ts';
import { renderMetrics } from './metrics.ts';
import { answerCompare } from './query/compare.ts';
import { limitQueries, QUERY_PATHS } from './query/limits.ts';
import { searchRoutes } from './query/search-routes.ts';
import { serviceRoutes } from './query/service-routes.ts';
import { listInstances, listOperations, listServices } from './query/services.ts';
import { answerTimeline, answerTrace, type TraceSource } from './query/trace-answers.ts';
import { ready } from './ready.ts';
import { renderRedMetrics } from './red-metrics.ts';
import { readSdkConfig, sdkVersion } from './sdk-config.ts';

export { Control } from '../durable-objects/control.ts';
export { Ledger } from '../durable-objects/ledger.ts';
export { TraceShard } from '../durable-objects/trace-shard.ts';

type App = { Bindings: Env };

/** What comes often; everything else that is done by cron comes with the other one of wrangler.toml. */
const EVERY_MINUTE = '* * * * *';

const OPENMETRICS = { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' };
/** Of each length; ten minutes of a busy deployment take 0.2 s of CPU and some ten calls, what is longer less. */
const MAX_ROLL_UPS_PER_RUN = 24;
const READ_COOKIE_SECONDS = 30 * 24 * 3600;

/** By itself for a test that asks every route. */
export const app = new Hono<App>();

/** Where spans come in, and with what. */
const INGEST: Readonly<Record<string, typeof ingestOtlp>> = {
  '/v1/traces': ingestOtlp,
  [EXPORT_PATH]: ingestRpc,
  '/v1/batch': ingestBatch,
  '/v1/spans': ingestSpans,
  '/api/v2/spans': ingestZipkin,
};

app.onError((error, c) => {
  const failure = toHttpError(error);
  countFailure(c.req.path, failure);
  const response = errorResponse(c.req.raw, c.req.path, failure);
  for (const [name, value] of Object.entries(failure.headers)) response.headers.set(name, value);
  // What was set before, CORS above all: a page has to be able to read why it was refused.
  c.res.headers.forEach((value, name) => {
    if (/^(access-control-|tailrace-|vary$)/.test(name)) response.headers.set(name, value);
  });
  return response;
});

/** Each protocol has errors of its own. */
function errorResponse(request: Request, path: string, failure: HttpError): Response {
  if (path === '/v1/traces' || path.startsWith('/v1/traces/')) return otlpError(request, failure);
  if (path === EXPORT_PATH) return rpcError(request, failure);
  if (path === '/v1/spans') return spansError(failure);
  if (path.startsWith('/jaeger/')) return jaegerError(path, failure);
  if (path.startsWith('/zipkin/')) return zipkinError(failure);
  if (path.startsWith('/tempo/')) return tempoError(failure);
  return Response.json(failure.body, failure);
}

app.notFound((c) => {
  const failure = new HttpError(404, 'not_found', `there is no ${c.req.method} ${c.req.path}`);
  countFailure(c.req.path, failure);
  return errorResponse(c.req.raw, c.req.path, failure);
});

app.get('/health', (c) => c.json({ status: 'ok' }));
app.use(requireKeys());
app.get('/ready', (c) => ready(c.env, Date.now()));

// Before CORS, which has nothing to say of a WebSocket.
app.get('/v1/stream', requireIngestKey(), (c) => openStream(c, () => config(c)));

for (const path of ['/v1/*', EXPORT_PATH, '/api/v2/spans']) {
  app.use(path, requireIngestKey());
}
for (const [path, handle] of Object.entries(INGEST)) {
  app.post(path, (c) => ingest(c, handle));
  app.all(path, (c) => {
    throw new HttpError(405, 'method_not_allowed', `${c.req.method} ${path}: use POST`);
  });
}
app.get('/v1/config', async (c) => readSdkConfig(c, await config(c)));
app.post('/v1/hello', (c) => ingest(c, (_, __, inFlight) => hello(c, 'hello', inFlight)));
app.post('/v1/goodbye', (c) => ingest(c, (_, __, inFlight) => hello(c, 'goodbye', inFlight)));

app.post('/login', limitBody(MAX_CONTROL_BYTES), async (c) => {
  const body = await c.req.json<{ key?: unknown } | null>().catch(() => null);
  const given = typeof body?.key === 'string' ? body.key : undefined;
  await checkLogin(c, given);
  setCookie(c, READ_COOKIE, given ?? '', {
    httpOnly: true,
    sameSite: 'Strict',
    secure: new URL(c.req.url).protocol === 'https:',
    path: '/',
    maxAge: READ_COOKIE_SECONDS,
  });
  return c.json({});
});
app.post('/logout', (c) => {
  deleteCookie(c, READ_COOKIE, { path: '/' });
  return c.json({});
});

app.use('/api/*', requireReadKey());
app.use('/metrics', requireReadKey());
app.use('/metrics/*', requireReadKey());
for (const path of ['/jaeger/*', '/zipkin/*', '/tempo/*']) app.use(path, requireReadKey());
const limited = limitQueries(Date.now);
for (const path of QUERY_PATHS) app.use(path, limited);
app.get('/metrics', async (c) => c.body(await renderMetrics(c.env, await config(c)), 200, OPENMETRICS));
app.get('/metrics/red', async (c) =>
  c.body(await renderRedMetrics(c.env, await config(c), store(c.env), Date.now()), 200, OPENMETRICS),
);
app.route('/api/traces', searchRoutes({ config, store, now: Date.now }));
app.get('/api/traces/:id', async (c) => answerTrace(c, await source(c)));
app.get('/api/traces/:id/timeline', async (c) => answerTimeline(c, await source(c)));
app.get('/api/compare', async (c) => answerCompare(c, await source(c)));
app.get('/api/services', async (c) => c.json({ services: await listServices(c.env, await config(c)) }));
app.get('/api/services/:service/instances', async (c) =>
  c.json({ instances: await listInstances(c.env, c.req.param('service')) }),
);
app.get('/api/operations', async (c) =>
  c.json({ operations: await listOperations(c.env, await config(c), c.req.query('service') || undefined) }),
);
const ROUTE_DEPS = { config, store, now: () => Date.now() };
app.route('/api', serviceRoutes(ROUTE_DEPS));
app.route('/jaeger', jaegerRoutes(ROUTE_DEPS));
app.route('/tempo', tempoRoutes(ROUTE_DEPS));
app.route('/zipkin', zipkinRoutes(ROUTE_DEPS));

app.post('/api/traces/:id/keep', async (c) => {
  const traceId = parseTraceId(c.req.param('id'));
  await noteChange(c, 'trace.keep', traceId);
  return keepTrace(c.env, await config(c), store(c.env), traceId);
});
app.delete('/api/traces/:id', requireAdminKey(), async (c) => {
  const traceId = parseTraceId(c.req.param('id'));
  await noteChange(c, 'trace.erase', traceId);
  return eraseTrace(c.env, await config(c), store(c.env), traceId, Date.now());
});
app.put('/api/traces/:id/hold', requireAdminKey(), async (c) => {
  const traceId = parseTraceId(c.req.param('id'));
  await noteChange(c, 'trace.hold', traceId);
  return holdTrace(store(c.env), traceId, c.req.query('days'), Date.now());
});
app.delete('/api/traces/:id/hold', requireAdminKey(), async (c) => {
  const traceId = parseTraceId(c.req.param('id'));
  await noteChange(c, 'trace.release', traceId);
  await store(c.env).hold(traceId, null);
  return c.body(null, 204);
});
app.get('/api/export', (c) => {
  noteRead(c, 'trace.export', `${c.req.query('start') ?? ''} ${c.req.query('end') ?? ''}`.trim());
  return exportRange(store(c.env), c.req.query(), Date.now());
});
app.post('/api/expire', requireAdminKey(), async (c) => {
  const isDry = c.req.query('dryRun') === '1';
  if (!isDry) await noteChange(c, 'store.expire', '');
  return c.json(await expireStep(c.env, await config(c), store(c.env), Date.now(), isDry));
});
app.get('/api/quarantine', requireAdminKey(), (c) => listQuarantine(c.env, c.req.query()));
app.get('/api/config', (c) => readConfig(c.env, c.req.query('version')));
app.put('/api/config', requireAdminKey(), limitBody(MAX_CONFIG_BYTES), (c) =>
  putConfig(c.env, c.req.raw, c.var.caller.who),
);
app.delete('/api/config', requireAdminKey(), (c) => deleteConfig(c.env, c.req.raw, c.var.caller.who));
app.post('/api/config/dry-run', limitBody(MAX_CONFIG_BYTES), async (c) =>
  dryRunConfig(c.env, await config(c), c.req.raw),
);

app.use('/api/keys/*', requireAdminKey());
app.get('/api/keys', listKeys);
app.post('/api/keys', limitBody(MAX_CONTROL_BYTES), (c) => createKey(c, Date.now()));
app.post('/api/keys/:id/rotate', limitBody(MAX_CONTROL_BYTES), (c) => rotateKey(c, c.req.param('id')));
app.delete('/api/keys/:id', (c) => revokeKey(c, c.req.param('id')));
app.get('/api/audit', requireAdminKey(), listAudit);

/**
 * What every way in has in common: a bound on memory, and what the sender is told of pressure, whatever becomes of the request.
 * A sender that hangs up would end what waits here, and what it holds would never be given back: so the work outlives it.
 */
function ingest(c: Context<App>, handle: typeof ingestOtlp): Promise<Response> {
  const work = takeIn(c, handle);
  c.executionCtx.waitUntil(work.catch(() => {}));
  return work;
}

async function takeIn(c: Context<App>, handle: typeof ingestOtlp): Promise<Response> {
  const inFlight = new InFlight();
  let current: CurrentConfig | null = null;
  try {
    current = await config(c);
    return await handle(c, current, inFlight);
  } finally {
    inFlight.release();
    c.res.headers.set(PRESSURE_HEADER, currentPressure(c.var.caller.who));
    const known = current && sdkVersion(current);
    const directives = { config: known, timeMs: Date.now(), stopped: c.get('stopped') ?? [] };
    c.res.headers.set(DIRECTIVES_HEADER, formatDirectives(directives));
  }
}

/** Before a body is read that is not one of spans. */
function limitBody(maxBytes: number) {
  return bodyLimit({
    maxSize: maxBytes,
    onError: () => {
      throw new HttpError(413, 'body_too_large', `the body has more than ${maxBytes} bytes`);
    },
  });
}

function config(c: Context<App>): Promise<CurrentConfig> {
  return currentConfig(c.env, (work) => c.executionCtx.waitUntil(work), Date.now());
}

async function source(c: Context<App>): Promise<TraceSource> {
  return { config: await config(c), store: store(c.env), nowMs: Date.now() };
}

/** One an isolate: it remembers what never changes. */
const stores = new WeakMap<D1Database, Store>();

function store(env: Env): Store {
  const known = stores.get(env.DB);
  if (known) return known;
  const made = createD1R2Store(meterBindings(storeBindings(env), countCost));
  stores.set(env.DB, made);
  return made;
}

function toHttpError(error: Error): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof StoreError && (error.fault === 'unavailable' || error.fault === 'contended')) {
    return new HttpError(503, 'store_unavailable', 'the store does not answer: try again later', 1);
  }
  if (isPassing(error)) {
    console.error(error.message);
    return new HttpError(503, 'unavailable', 'a part of the edge does not answer: try again later', 1);
  }
  if (error instanceof ConfigError) return new HttpError(503, 'not_configured', `TAILRACE_CONFIG: ${error.message}`);
  if (error instanceof HTTPException) return new HttpError(error.status as 400, 'bad_request', error.message);
  console.error(error.stack ?? error.message);
  return new HttpError(500, 'internal', 'an internal error; the log of the Worker has more');
}

/** A Durable Object that moves, starts anew or has too much to do (https://developers.cloudflare.com/durable-objects/best-practices/error-handling/). */
function isPassing(error: Error & { readonly retryable?: boolean; readonly overloaded?: boolean }): boolean {
  return error.retryable === true || error.overloaded === true;
}

/** Labels of failures that are no IngestError, which has its own; of all others it is the edge that fails. */
const REASON_OF_STATUS: Readonly<Record<number, RequestRejectionReason>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'unauthorized',
  404: 'not_found',
  405: 'method_not_allowed',
  415: 'unsupported_media_type',
  426: 'upgrade_required',
};

function countFailure(path: string, failure: HttpError): void {
  if (!path.startsWith('/v1/') && !(path in INGEST)) return;
  countRejectedRequest(
    failure instanceof IngestError ? failure.code : (REASON_OF_STATUS[failure.status] ?? 'unavailable'),
  );
}

function countInvocation(env: Env, ctx: ExecutionContext): void {
  countCost('worker_requests');
  ctx.waitUntil(flushSoon(env, Date.now()));
}

export default {
  fetch: (request, env, ctx) => {
    countInvocation(env, ctx);
    return app.fetch(request, env, ctx);
  },
  scheduled: async ({ scheduledTime, cron }, env, ctx) => {
    countInvocation(env, ctx);
    if (cron === EVERY_MINUTE) return indexDue(env, store(env), scheduledTime);
    const config = await currentConfig(env, (work) => ctx.waitUntil(work), Date.now());
    // Each runs whatever becomes of the other.
    const work = await Promise.allSettled([
      expireDue(env, config, store(env), scheduledTime),
      rollUpStatistics(store(env), scheduledTime, MAX_ROLL_UPS_PER_RUN),
    ]);
    for (const each of work) if (each.status === 'rejected') throw each.reason;
  },
} satisfies ExportedHandler<Env>;
