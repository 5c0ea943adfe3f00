/** The edge's HTTP: routes, keys, errors. Stages are in their own files. */

import { type Context, Hono } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { ConfigError } from '../durable-objects/config.ts';
import type { CurrentConfig } from '../durable-objects/config-source.ts';
import type { Env } from '../durable-objects/env.ts';
import { storeBindings } from '../store/bindings.ts';
import { createD1R2Store } from '../store/d1-r2.ts';
import { StoreError } from '../store/errors.ts';
import { meterBindings } from '../store/meter.ts';
import { check, READ_COOKIE, requireAdminKey, requireIngestKey, requireReadKey } from './auth.ts';
import { currentConfig } from './config.ts';
import { deleteConfig, dryRunConfig, putConfig, readConfig } from './control/config.ts';
import { expireDue, expireStep } from './control/expire.ts';
import { eraseTrace, exportRange, holdTrace, keepTrace, parseTraceId } from './control/traces.ts';
import { countCost, countRejectedRequest, flushSoon } from './counters.ts';
import { HttpError, IngestError } from './errors.ts';
import { ingestBatch } from './ingest/batch.ts';
import { InFlight } from './ingest/in-flight.ts';
import { ingestOtlp, otlpError } from './ingest/otlp.ts';
import { listQuarantine } from './ingest/quarantine.ts';
import { renderMetrics } from './metrics.ts';
import { parseTraceQuery } from './query/params.ts';
import { listOperations, listServices } from './query/services.ts';
import { findTrace, searchTraces, traceAnswer } from './query/traces.ts';

export { Control } from '../durable-objects/control.ts';
export { Ledger } from '../durable-objects/ledger.ts';
export { TraceShard } from '../durable-objects/trace-shard.ts';

type App = { Bindings: Env };

const READ_COOKIE_SECONDS = 30 * 24 * 3600;

const app = new Hono<App>();

app.onError((error, c) => {
  const failure = toHttpError(error);
  if (c.req.path.startsWith('/v1/')) {
    countRejectedRequest(failure instanceof IngestError ? failure.code : ingestReason(failure));
  }
  const response = c.req.path === '/v1/traces' ? otlpError(c.req.raw, failure) : Response.json(failure.body, failure);
  for (const [name, value] of Object.entries(failure.headers)) response.headers.set(name, value);
  // What earlier middleware has set, CORS above all: a page has to be able to read why it was refused.
  c.res.headers.forEach((value, name) => {
    if (name.startsWith('access-control-') || name === 'vary') response.headers.set(name, value);
  });
  return response;
});

app.notFound((c) =>
  Response.json(new HttpError(404, 'not_found', `there is no ${c.req.method} ${c.req.path}`).body, { status: 404 }),
);

app.get('/health', (c) => c.json({ status: 'ok' }));

app.use(
  '/v1/*',
  cors({
    origin: '*',
    allowMethods: ['POST'],
    allowHeaders: ['content-type', 'content-encoding', 'authorization'],
    exposeHeaders: ['retry-after'],
    maxAge: 86_400,
  }),
);
app.use('/v1/*', requireIngestKey());
app.post('/v1/traces', (c) => ingest(c, ingestOtlp));
app.post('/v1/batch', (c) => ingest(c, ingestBatch));

app.post('/login', async (c) => {
  const { key } = await c.req.json<{ key?: unknown }>().catch(() => ({ key: undefined }));
  const given = typeof key === 'string' ? key : undefined;
  await check(c, c.env.TAILRACE_READ_KEY, given, 'a read key');
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
app.get('/metrics', async (c) =>
  c.body(await renderMetrics(c.env, await config(c)), 200, {
    'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  }),
);
app.get('/api/traces', async (c) => {
  const query = parseTraceQuery(c.req.query(), Date.now());
  return c.json(await searchTraces(c.env, await config(c), store(c.env), query));
});
app.get('/api/traces/:id', async (c) => {
  const traceId = parseTraceId(c.req.param('id'));
  const found = await findTrace(c.env, await config(c), store(c.env), traceId);
  if (!found) {
    throw new HttpError(404, 'not_found', `there is no trace ${traceId}: it was never received, or has expired`);
  }
  if (c.req.header('accept')?.includes('application/x-protobuf')) {
    return c.body(found.otlp.slice().buffer, 200, { 'content-type': 'application/x-protobuf' });
  }
  return c.json(traceAnswer(traceId, found));
});
app.get('/api/services', async (c) => c.json({ services: await listServices(c.env, await config(c)) }));
app.get('/api/operations', async (c) =>
  c.json({ operations: await listOperations(c.env, await config(c), c.req.query('service') || undefined) }),
);

app.post('/api/traces/:id/keep', async (c) =>
  keepTrace(c.env, await config(c), store(c.env), parseTraceId(c.req.param('id'))),
);
app.delete('/api/traces/:id', requireAdminKey(), async (c) =>
  eraseTrace(c.env, await config(c), store(c.env), parseTraceId(c.req.param('id')), Date.now()),
);
app.put('/api/traces/:id/hold', requireAdminKey(), (c) =>
  holdTrace(store(c.env), parseTraceId(c.req.param('id')), c.req.query('days'), Date.now()),
);
app.delete('/api/traces/:id/hold', requireAdminKey(), async (c) => {
  await store(c.env).hold(parseTraceId(c.req.param('id')), null);
  return c.body(null, 204);
});
app.get('/api/export', (c) => exportRange(store(c.env), c.req.query(), Date.now()));
app.post('/api/expire', requireAdminKey(), async (c) =>
  c.json(await expireStep(c.env, await config(c), store(c.env), Date.now(), c.req.query('dryRun') === '1')),
);
app.get('/api/quarantine', requireAdminKey(), (c) => listQuarantine(c.env, c.req.query()));
app.get('/api/config', (c) => readConfig(c.env, c.req.query('version')));
app.put('/api/config', requireAdminKey(), (c) => putConfig(c.env, c.req.raw));
app.delete('/api/config', requireAdminKey(), (c) => deleteConfig(c.env, c.req.raw));
app.post('/api/config/dry-run', async (c) => dryRunConfig(c.env, await config(c), c.req.raw));

/** What every way in has in common: a bound on memory, whatever becomes of the request. */
async function ingest(c: Context<App>, handle: typeof ingestOtlp): Promise<Response> {
  const inFlight = new InFlight();
  try {
    return await handle(c, await config(c), inFlight);
  } finally {
    inFlight.release();
  }
}

function config(c: Context<App>): Promise<CurrentConfig> {
  return currentConfig(c.env, (work) => c.executionCtx.waitUntil(work), Date.now());
}

function store(env: Env) {
  return createD1R2Store(meterBindings(storeBindings(env), countCost));
}

function toHttpError(error: Error): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof StoreError && (error.fault === 'unavailable' || error.fault === 'contended')) {
    return new HttpError(503, 'store_unavailable', 'the store does not answer: try again later', 1);
  }
  if (error instanceof ConfigError) return new HttpError(503, 'not_configured', `TAILRACE_CONFIG: ${error.message}`);
  if (error instanceof HTTPException) return new HttpError(error.status as 400, 'bad_request', error.message);
  console.error(error.stack ?? error.message);
  return new HttpError(500, 'internal', 'an internal error; the log of the Worker has more');
}

/** The label under which a failure that is not an IngestError is counted. */
function ingestReason({ status }: HttpError) {
  return status === 401 ? 'unauthorized' : status === 415 ? 'unsupported_media_type' : 'unavailable';
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
  scheduled: async ({ scheduledTime }, env, ctx) => {
    countInvocation(env, ctx);
    const config = await currentConfig(env, (work) => ctx.waitUntil(work), Date.now());
    await expireDue(env, config, store(env), scheduledTime);
  },
} satisfies ExportedHandler<Env>;
