/** Search over the traces a shard has in memory. */

import { newestFirst } from '../model/order.ts';
import type { TraceSummary } from '../model/span.ts';
import type { TraceQuery } from '../store/store.ts';
import { summarize } from './live-summary.ts';
import type { LiveTraces } from './live-traces.ts';
import type { LiveView } from './live-view.ts';
import { formatWords } from './trace-words.ts';

/** Summaries of the live and the kept-but-not-stored traces that match, newest first, at most `query.limit`. */
export function searchLive(live: LiveTraces, query: TraceQuery): TraceSummary[] {
  const found: TraceSummary[] = [];
  for (const trace of live.all()) {
    const state = live.state(trace);
    if (state === 'dropped' || (live.isDecided(trace) && !live.outbox.has(trace))) continue;
    const view = live.look(trace);
    if (view.startUs < query.startUs || view.startUs > query.endUs || !hasSpan(view, query)) continue;
    const traceId = formatWords(live.words(trace));
    const decision = live.traces.decision[trace] ?? null;
    const summary = { traceId, ...summarize(view, live.traces.bits[trace]!, () => true), state, decision };
    if (matches(summary, query)) found.push(summary);
  }
  return found.sort(newestFirst).slice(0, query.limit);
}

function matches(summary: TraceSummary, query: TraceQuery): boolean {
  const { startUs, durationUs, status, traceId } = summary;
  if (durationUs < (query.minDurationUs ?? 0)) return false;
  if (durationUs > (query.maxDurationUs ?? Number.POSITIVE_INFINITY)) return false;
  if (query.status !== undefined && status !== query.status) return false;
  const { after } = query;
  return !after || startUs < after.startUs || (startUs === after.startUs && traceId < after.traceId);
}

/** Service and operation must be those of one span. */
function hasSpan(view: LiveView, { service, operation }: TraceQuery): boolean {
  if (service === undefined && operation === undefined) return true;
  for (let i = 0; i < view.spanCount; i++) {
    if (service !== undefined && view.service(i) !== service) continue;
    if (operation === undefined || view.name(i) === operation) return true;
  }
  return false;
}
