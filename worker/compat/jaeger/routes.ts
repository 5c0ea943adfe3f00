/** The JSON API of Jaeger's query service that Grafana and Jaeger's own page use: `docs/api/jaeger.md` has what differs. */

import { type Context, Hono } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { formatJaegerTraceId, toAnsweredTrace } from '../../../model/jaeger/answered-trace.ts';
import { noteRead } from '../../audit.ts';
import { HttpError } from '../../errors.ts';
import { listDependencies } from '../../query/dependencies.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { listOperations } from '../../query/services.ts';
import { readStatistics } from '../../query/statistics.ts';
import { wholeMinutes } from '../../query/time-params.ts';
import { type FoundTrace, spansOf } from '../../query/traces.ts';
import { findTraces } from '../find-traces.ts';
import { parseGoBool, parseGoInt } from '../go-text.ts';
import { readTraces } from '../read-traces.ts';
import { boundRange, microsOf } from '../times.ts';
import { MetricsSum } from './metrics.ts';
import { MIN_STEP_MS, parseMetric, parseMetricsQuery } from './metrics-params.ts';
import { operationsOf } from './operations.ts';
import { orRefuse, parseIfGiven, parseJaegerSearch, refused } from './params.ts';
import { v3Routes } from './routes-v3.ts';
import { parseJaegerTraceId } from './trace-id.ts';

type App = { Bindings: Env };
type C = Context<App>;

const DAY_MS = 86_400_000;
const NOT_FOUND = 'trace not found';

interface JaegerErrorItem {
  readonly code?: number;
  readonly msg: string;
  readonly traceID?: string;
}

/** Below `/jaeger`, behind what asks for a read key. */
export function jaegerRoutes(deps: RouteDeps): Hono<App> {
  const { config, store, now } = deps;
  const routes = new Hono<App>();
  routes.route('/api/v3', v3Routes(deps));

  routes.get('/api/services', async (c) => {
    const operations = await listOperations(c.env, await config(c));
    return list(c, [...new Set(operations.map(({ service }) => service))]);
  });
  routes.get('/api/services/:service/operations', async (c) => {
    const operations = await listOperations(c.env, await config(c), c.req.param('service'));
    return list(
      c,
      operations.map(({ name }) => name),
    );
  });
  routes.get('/api/operations', async (c) => {
    const service = c.req.query('service');
    if (!service) throw refused("parameter 'service' is required");
    return list(c, await operationsOf(c, deps, service, c.req.query('spanKind') ?? ''));
  });

  routes.get('/api/traces', async (c) => {
    const params = paramsOf(c);
    const asked = parseJaegerSearch(params, now());
    const isRaw = parseIfGiven(params, 'raw', parseGoBool) ?? false;
    if ('search' in asked) return traces(c, await findTraces(c, deps, asked.search), isRaw);
    return readAll(c, asked.ids, isRaw);
  });
  routes.get('/api/traces/:id', async (c) => {
    const id = orRefuse(() => parseJaegerTraceId(c.req.param('id')));
    const params = paramsOf(c);
    // A hint when the trace was, which is not needed.
    for (const name of ['start', 'end']) parseIfGiven(params, name, parseGoInt);
    const isRaw = parseIfGiven(params, 'raw', parseGoBool) ?? false;
    const found = await readTraces(c.env, await config(c), store(c.env), [id]);
    if (found.length === 0) throw new HttpError(404, 'unknown_trace', NOT_FOUND);
    noteRead(c, 'trace.read', id);
    return traces(c, found, isRaw);
  });

  routes.get('/api/dependencies', async (c) => {
    const params = paramsOf(c);
    const endMs = parseIfGiven(params, 'endTs', parseGoInt) ?? now();
    const lookbackMs = parseIfGiven(params, 'lookback', parseGoInt) ?? DAY_MS;
    const { startUs, endUs } = boundRange(microsOf(endMs - Math.max(0, lookbackMs)), microsOf(endMs));
    const service = params.get('service');
    const links = await listDependencies(c.env, await config(c), store(c.env), wholeMinutes(startUs, endUs));
    return answer(c, {
      data: links
        .filter(({ parent, child }) => !service || parent === service || child === service)
        .map(({ parent, child, calls }) => ({ parent, child, callCount: Math.round(calls) })),
    });
  });

  routes.get('/api/metrics/minstep', (c) => answer(c, { data: MIN_STEP_MS }));
  routes.get('/api/metrics/:metric', async (c) => {
    const params = paramsOf(c);
    const metric = parseMetric(c.req.param('metric'), params);
    if (!metric) return c.notFound();
    const query = parseMetricsQuery(params, now());
    const sum = new MetricsSum(query);
    const pieces = readStatistics(c.env, await config(c), store(c.env), {
      startUs: query.pointsUs[0]! - query.windowUs,
      endUs: query.pointsUs.at(-1)!,
      stepUs: query.gridUs,
      grain: query.byOperation ? 'operation' : 'service',
    });
    for await (const piece of pieces) sum.add(piece);
    return c.json(sum.family(metric));
  });

  /** Those that are not there are listed as errors. */
  async function readAll(c: C, ids: readonly string[], isRaw: boolean): Promise<Response> {
    const unique = [...new Set(ids)];
    const found = await readTraces(c.env, await config(c), store(c.env), unique);
    const there = new Set(found.map(({ traceId }) => traceId));
    for (const id of there) noteRead(c, 'trace.read', id);
    const missing = unique.filter((id) => !there.has(id));
    return traces(
      c,
      found,
      isRaw,
      missing.map((id) => ({ msg: NOT_FOUND, traceID: formatJaegerTraceId(id) })),
    );
  }

  return routes;
}

function traces(c: C, found: readonly FoundTrace[], isRaw: boolean, errors: readonly JaegerErrorItem[] = []): Response {
  const data = found.map((trace) => toAnsweredTrace(spansOf(trace), isRaw));
  return answer(c, { data, ...(errors.length > 0 ? { errors } : {}) });
}

function list(c: C, data: readonly unknown[]): Response {
  return answer(c, { data, total: data.length });
}

function answer(c: C, part: { data: unknown; total?: number; errors?: readonly JaegerErrorItem[] }): Response {
  return c.json({ ...EMPTY, ...part });
}

const EMPTY = { data: null, total: 0, limit: 0, offset: 0, errors: null };

function paramsOf(c: C): URLSearchParams {
  return new URL(c.req.url).searchParams;
}

/** As Jaeger says what was wrong: by an envelope of the v1 API, or by an object of its gateway for v3. */
export function jaegerError(path: string, { message, status, code }: HttpError): Response {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };
  if (code === 'not_found') {
    return new Response('404 page not found\n', { status, headers });
  }
  const body = path.startsWith('/jaeger/api/v3/')
    ? { error: { httpCode: status, message } }
    : { ...EMPTY, errors: [{ code: status, msg: message }] };
  return new Response(`${JSON.stringify(body)}\n`, { status, headers });
}
