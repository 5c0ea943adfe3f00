/** Search over the traces a shard has in memory. */

import { newestFirst } from '../model/order.ts';
import type { TraceSummary } from '../model/span.ts';
import type { TraceQuery } from '../store/store.ts';
import type { LiveTrace } from './live-trace.ts';

/** Summaries of the traces that match, newest first, at most `query.limit`. */
export function searchLive(traces: Iterable<LiveTrace>, query: TraceQuery): TraceSummary[] {
  const found: TraceSummary[] = [];
  for (const trace of traces) {
    const summary = trace.summary();
    if (summary && matches(summary, query) && hasSpan(trace, query)) found.push(summary);
  }
  return found.sort(newestFirst).slice(0, query.limit);
}

function matches(summary: TraceSummary, query: TraceQuery): boolean {
  const { startUs, durationUs, status, traceId } = summary;
  if (startUs < query.startUs || startUs > query.endUs) return false;
  if (durationUs < (query.minDurationUs ?? 0)) return false;
  if (durationUs > (query.maxDurationUs ?? Number.POSITIVE_INFINITY)) return false;
  if (query.status !== undefined && status !== query.status) return false;
  const { after } = query;
  return !after || startUs < after.startUs || (startUs === after.startUs && traceId < after.traceId);
}

/** Service and operation must be those of one span. */
function hasSpan(trace: LiveTrace, { service, operation }: TraceQuery): boolean {
  if (service === undefined && operation === undefined) return true;
  return trace.headers!.some(
    (span) =>
      (service === undefined || span.service === service) && (operation === undefined || span.name === operation),
  );
}
