import { compareFound } from '../model/query/search-order.ts';
import type { PageSearch, SortKey } from './store.ts';

/** The page of a search that found these traces, in any order, and whether there are more. */
export function pageOf<Found extends SortKey>(
  found: readonly Found[],
  { order, after, limit }: PageSearch,
): { traces: Found[]; hasMore: boolean } {
  const ahead = found
    .filter((summary) => !after || compareFound(order, after, summary) < 0)
    .sort((a, b) => compareFound(order, a, b));
  return { traces: ahead.slice(0, limit), hasMore: ahead.length > limit };
}

export function keyOf({ startUs, durationUs, traceId }: SortKey): SortKey {
  return { startUs, durationUs, traceId };
}
