/** Searches for traces: the store and the shards find those that may be meant, whose spans are then looked at. */

import type { Context } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { MAX_TEMPO_READ_BYTES, MAX_TEMPO_READ_TRACES, MAX_TEMPO_SPANS_AT_ONCE } from '../../../model/limits.ts';
import { decodeSpans } from '../../../model/otlp/decode.ts';
import type { TraceSearch } from '../../../model/query/conditions.ts';
import type { TraceSummary } from '../../../model/span.ts';
import { compilePipeline, fieldsOf } from '../../../model/traceql/evaluate.ts';
import { necessaryOf } from '../../../model/traceql/plan.ts';
import { type TraceView, viewTrace } from '../../../model/traceql/trace-view.ts';
import { noteRead } from '../../audit.ts';
import { parseCursor } from '../../query/cursor.ts';
import type { TraceQuery } from '../../query/params.ts';
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
  const fields = fieldsOf(request.query?.stages ?? []);
  const tell = (found: Found) => traceMetadata(found, fields, request.spansPerSpanset);
  const { told, read, isCut } = await findMatching(c, deps, request, tell);
  // Spans are told of, with any attribute that is asked for.
  if (request.query !== null) noteRead(c, 'trace.export', `${request.startUs} ${request.endUs}`);
  return {
    traces: told,
    metrics: {
      ...(read.traces > 0 ? { inspectedTraces: read.traces, inspectedBytes: String(read.bytes) } : {}),
      // What was not looked at to the end is a job that was not completed.
      ...(isCut ? {} : { completedJobs: 1 }),
      totalJobs: 1,
    },
  };
}

/**
 * What is to be told of each of the newest traces that match, of which none is held longer than that; how many were read for
 * it, and whether that was cut short.
 */
export async function findMatching<T>(c: C, deps: RouteDeps, request: SearchRequest, tell: (found: Found) => T) {
  const [env, config, store] = [c.env, await deps.config(c), deps.store(c.env)];
  const deadlineMs = deps.now() + BUDGET_MS;
  const look = lookOf(request);
  const { limit } = request;
  const told: T[] = [];
  const read = { traces: 0, bytes: 0 };
  for await (const page of candidatePages(c, deps, searchOf(request))) {
    if (look === null) told.push(...page.map((summary) => tell({ summary, match: null })));
    for (let i = 0; look !== null && i < page.length && told.length < limit; ) {
      const isTooMuch = read.traces >= MAX_TEMPO_READ_TRACES || read.bytes >= MAX_TEMPO_READ_BYTES;
      if (isTooMuch || deps.now() > deadlineMs) return { told, read, isCut: true };
      const summaries = takeTogether(page, i);
      i += summaries.length;
      const traces = await Promise.all(summaries.map(({ traceId }) => findTrace(env, config, store, traceId)));
      for (const [at, trace] of traces.entries()) {
        if (!trace) continue;
        read.traces++;
        read.bytes += trace.otlp.length;
        const spans = decodeSpans(trace.otlp, trace.isLive ? 'live' : trace.state);
        if (spans.length === 0) continue;
        const view = viewTrace(spans);
        const spansets = look(view);
        if (spansets) told.push(tell({ summary: summaries[at]!, match: { view, spansets } }));
      }
    }
    if (told.length >= limit) break;
    // A page may have nothing, and more behind it.
    if (deps.now() > deadlineMs) return { told, read, isCut: true };
  }
  return { told: told.slice(0, limit), read, isCut: false };
}

/** Traces of a page, from the `first` on, that may be in memory together. */
function takeTogether(page: readonly TraceSummary[], first: number): readonly TraceSummary[] {
  let spans = page[first]!.spanCount;
  let end = first + 1;
  while (end < page.length && end < first + AT_ONCE && spans + page[end]!.spanCount <= MAX_TEMPO_SPANS_AT_ONCE) {
    spans += page[end++]!.spanCount;
  }
  return page.slice(first, end);
}

/** Traces that may be meant, newest first, page by page. */
async function* candidatePages(c: C, deps: RouteDeps, wanted: TraceSearch): AsyncGenerator<readonly TraceSummary[]> {
  let cursor: string | null = null;
  do {
    const after: Partial<TraceQuery> = cursor === null ? {} : { cursor: parseCursor(cursor) };
    const page = await searchTraces(c.env, await deps.config(c), deps.store(c.env), { ...wanted, ...after });
    yield page.traces;
    ({ cursor } = page);
  } while (cursor !== null);
}

/** What holds of every trace that is meant. Bounds of the duration are for a search without a query, as in Tempo. */
function searchOf({ query, tags, minDurationUs, maxDurationUs, startUs, endUs, limit }: SearchRequest): TraceSearch {
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
