/** Jaeger's v3 API by its HTTP gateway, which Jaeger's page moves to: spans are OTLP. */

import { type Context, Hono } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { toOtlpJson } from '../../../model/otlp/to-json.ts';
import type { TraceSummary } from '../../../model/span.ts';
import { noteRead } from '../../audit.ts';
import { HttpError } from '../../errors.ts';
import { listDependencies } from '../../query/dependencies.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { listOperations } from '../../query/services.ts';
import { wholeMinutes } from '../../query/time-params.ts';
import type { FoundTrace } from '../../query/traces.ts';
import { findSummaries, findTraces } from '../find-traces.ts';
import { readTraces } from '../read-traces.ts';
import { operationsOf } from './operations.ts';
import { orRefuse } from './params.ts';
import { checkV3TraceParams, parseV3Range, parseV3Search } from './params-v3.ts';
import { parseJaegerTraceId } from './trace-id.ts';

type App = { Bindings: Env };

/** Below `/jaeger/api/v3`. */
export function v3Routes(deps: RouteDeps): Hono<App> {
  const { config, store } = deps;
  const routes = new Hono<App>();
  routes.get('/services', async (c) => {
    const operations = await listOperations(c.env, await config(c));
    return c.json({ services: [...new Set(operations.map(({ service }) => service))] });
  });
  routes.get('/operations', async (c) => {
    const kind = c.req.query('spanKind') || c.req.query('span_kind') || '';
    const operations = await operationsOf(c, deps, c.req.query('service') ?? '', kind);
    return c.json({ operations: operations.map(({ name, spanKind }) => ({ name, spanKind: spanKind || 'internal' })) });
  });
  routes.get('/traces', async (c) => answer(c, await findTraces(c, deps, parseV3Search(paramsOf(c)))));
  routes.get('/traces/:id', async (c) => {
    const say = (reason: string) => `malformed parameter trace_id: ${reason}`;
    const id = orRefuse(() => parseJaegerTraceId(c.req.param('id')), say);
    checkV3TraceParams(paramsOf(c));
    const found = await readTraces(c.env, await config(c), store(c.env), [id]);
    if (found.length > 0) noteRead(c, 'trace.read', id);
    return answer(c, found);
  });
  routes.get('/trace-summaries', async (c) => {
    const summaries = await findSummaries(c, deps, parseV3Search(paramsOf(c)));
    return c.json({ summaries: summaries.map(toV3Summary) });
  });
  routes.get('/dependencies', async (c) => {
    const { startUs, endUs } = parseV3Range(paramsOf(c));
    const links = await listDependencies(c.env, await config(c), store(c.env), wholeMinutes(startUs, endUs));
    return c.json({
      dependencies: links.map(({ parent, child, calls }) => ({ parent, child, callCount: String(Math.round(calls)) })),
    });
  });
  return routes;
}

/** All in one message, as Jaeger's gateway has it. */
function answer(c: Context<App>, found: readonly FoundTrace[]): Response {
  if (found.length === 0) throw new HttpError(404, 'unknown_trace', 'No traces found');
  return c.json({ result: { resourceSpans: found.flatMap(({ otlp }) => toOtlpJson(otlp).resourceSpans) } });
}

function toV3Summary(summary: TraceSummary) {
  const { traceId, rootService, rootOperation, startUs, durationUs, spanCount, errorCount, services } = summary;
  return {
    traceId,
    rootServiceName: rootService,
    rootOperationName: rootOperation,
    minStartTimeUnixNano: `${startUs}000`,
    maxEndTimeUnixNano: `${startUs + durationUs}000`,
    spanCount,
    errorSpanCount: errorCount,
    orphanSpanCount: summary.completeness.missingParents,
    services: services.map(({ name, spanCount: spans, errorCount: errors }) => ({
      name,
      spanCount: spans,
      errorSpanCount: errors,
    })),
  };
}

function paramsOf(c: Context<App>): URLSearchParams {
  return new URL(c.req.url).searchParams;
}
