import type { TraceSummary } from './span.ts';

/** The order of every list of traces: start descending, then trace id descending. */
export function newestFirst(
  a: Pick<TraceSummary, 'startUs' | 'traceId'>,
  b: Pick<TraceSummary, 'startUs' | 'traceId'>,
): number {
  if (a.startUs !== b.startUs) return b.startUs - a.startUs;
  return a.traceId < b.traceId ? 1 : a.traceId > b.traceId ? -1 : 0;
}
