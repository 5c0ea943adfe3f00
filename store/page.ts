import { compareFound } from '../model/query/search-order.ts';
import type { TraceSummary } from '../model/span.ts';
import type { PageSearch, SortKey, StorePage } from './store.ts';

/** The page of a search that found these traces, in any order. */
export function pageOf(found: readonly TraceSummary[], { order, after, limit }: PageSearch): StorePage {
  const ahead = found
    .filter((summary) => !after || compareFound(order, after, summary) < 0)
    .sort((a, b) => compareFound(order, a, b));
  const traces = ahead.slice(0, limit);
  return { traces, reached: ahead.length > limit ? keyOf(traces.at(-1)!) : null, isCut: false };
}

export function keyOf({ startUs, durationUs, traceId }: SortKey): SortKey {
  return { startUs, durationUs, traceId };
}
