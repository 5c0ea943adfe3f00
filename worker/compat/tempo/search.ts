/** Searches for traces: the store and the shards find those that may be meant, whose spans are then looked at. */

import type { Context } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { MAX_TEMPO_READ_TRACES } from '../../../model/limits.ts';
import { decodeSpans } from '../../../model/otlp/decode.ts';
import type { TraceSearch } from '../../../model/query/conditions.ts';
import type { TraceSummary } from '../../../model/span.ts';
import { compilePipeline, fieldsOf } from '../../../model/traceql/evaluate.ts';
import { necessaryOf } from '../../../model/traceql/plan.ts';
import { type TraceView, viewTrace } from '../../../model/traceql/trace-view.ts';
import { noteRead } from '../../audit.ts';
import { parseCursor } from '../../query/params.ts';
import { searchTraces } from '../../query/search.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { findTrace } from '../../query/traces.ts';
import type { SearchRequest } from './params.ts';
import { type Found, traceMetadata } from './search-answer.ts';
import { conditionsOfTags, hasTags } from './tag-match.ts';

type C = Context<{ Bindings: Env }>;

/** What a search may take before it answers what it has. */
const BUDGET_MS = 8_000;
/** Traces that are read at the same time. */
const AT_ONCE = 6;
/** Traces that are searched for at a time, where not all of them will match. */
const LEAST_CANDIDATES = 50;

/** Of a trace that was read: in which spansets it matches, null where it does not. */
type Look = (view: TraceView) => NonNullable<Found['match']>['spansets'] | null;

/** The answer of `/api/search`. */
export async function search(c: C, deps: RouteDeps, request: SearchRequest) {
  const { found, traces, bytes, isCut } = await findMatching(c, deps, request, request.limit);
  // Spans are told of, with any attribute that is asked for.
  if (request.query !== null) noteRead(c, 'trace.export', `${request.startUs} ${request.endUs}`);
  const fields = fieldsOf(request.query?.stages ?? []);
  return {
    traces: found.map((trace) => traceMetadata(trace, fields, request.spansPerSpanset)),
    metrics: {
      ...(traces > 0 ? { inspectedTraces: traces, inspectedBytes: String(bytes) } : {}),
      // What was not looked at to the end is a job that was not completed.
      ...(isCut ? {} : { completedJobs: 1 }),
      totalJobs: 1,
    },
  };
}

/** The newest traces that match, `limit` at most; how many were read for that, and whether that was cut short. */
export async function findMatching(c: C, deps: RouteDeps, request: SearchRequest, limit: number) {
  const [env, config, store] = [c.env, await deps.config(c), deps.store(c.env)];
  const deadlineMs = deps.now() + BUDGET_MS;
  const look = lookOf(request);
  const found: Found[] = [];
  let traces = 0;
  let bytes = 0;
  for await (const page of candidatePages(c, deps, searchOf(request, limit))) {
    for (let i = 0; i < page.length && found.length < limit; i += AT_ONCE) {
      const summaries = page.slice(i, i + AT_ONCE);
      if (look === null) {
        found.push(...summaries.map((summary) => ({ summary, match: null })));
        continue;
      }
      if (traces >= MAX_TEMPO_READ_TRACES || deps.now() > deadlineMs) {
        return { found: found.slice(0, limit), traces, bytes, isCut: true };
      }
      const read = await Promise.all(summaries.map(({ traceId }) => findTrace(env, config, store, traceId)));
      for (const [at, trace] of read.entries()) {
        if (!trace) continue;
        traces++;
        bytes += trace.otlp.length;
        const spans = decodeSpans(trace.otlp, trace.isLive ? 'live' : trace.state);
        if (spans.length === 0) continue;
        const view = viewTrace(spans);
        const spansets = look(view);
        if (spansets) found.push({ summary: summaries[at]!, match: { view, spansets } });
      }
    }
    if (found.length >= limit) break;
  }
  return { found: found.slice(0, limit), traces, bytes, isCut: false };
}

/** Traces that may be meant, newest first, page by page. */
async function* candidatePages(c: C, deps: RouteDeps, wanted: TraceSearch): AsyncGenerator<readonly TraceSummary[]> {
  let cursor: string | null = null;
  do {
    const after = cursor === null ? {} : { after: parseCursor(cursor) };
    const page = await searchTraces(c.env, await deps.config(c), deps.store(c.env), { ...wanted, ...after });
    yield page.traces;
    ({ cursor } = page);
  } while (cursor !== null);
}

/** What holds of every trace that is meant. Bounds of the duration are for a search without a query, as in Tempo. */
function searchOf(
  { query, tags, minDurationUs, maxDurationUs, startUs, endUs }: SearchRequest,
  limit: number,
): TraceSearch {
  const conditions = query === null ? { attributes: conditionsOfTags(tags) } : necessaryOf(query.stages);
  const isRead = query !== null || tags.length > 0;
  return {
    ...(query !== null || minDurationUs === undefined ? {} : { minDurationUs }),
    ...(query !== null || maxDurationUs === undefined ? {} : { maxDurationUs }),
    ...conditions,
    startUs,
    endUs,
    order: 'newest',
    // More than are wanted, since not all will match.
    limit: isRead ? Math.min(Math.max(limit * 2, LEAST_CANDIDATES), MAX_TEMPO_READ_TRACES) : limit,
  };
}

/** null where every trace that is found is meant. */
function lookOf({ query, tags }: SearchRequest): Look | null {
  if (query !== null) {
    const run = compilePipeline(query.stages);
    return (view) => {
      const spansets = run(view);
      return spansets.length > 0 ? spansets : null;
    };
  }
  return tags.length === 0 ? null : (view) => (hasTags(view, tags) ? [] : null);
}
