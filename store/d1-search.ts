/** Searching a ring of databases. */

import { decodeSpans } from '../model/otlp/decode.ts';
import { mergeTrace } from '../model/otlp/merge.ts';
import { asksSpans, matchesFacts, matchesSpans } from '../model/query/matches-search.ts';
import type { TraceSummary } from '../model/span.ts';
import { walkRing } from './d1-ring.ts';
import { keyOf, pageOf } from './page.ts';
import type { SortKey, Store, StorePage, StoreSearch } from './store.ts';

/** @throws StoreError, or what D1 threw */
export async function searchRing(
  databases: readonly D1Database[],
  get: Store['get'],
  search: StoreSearch,
): Promise<StorePage> {
  const { startUs, endUs, order, limit, isOver } = search;
  const found: TraceSummary[] = [];
  let after = order === 'newest' ? search.after : undefined;
  while (true) {
    const rows = await walkRing(databases, { startUs, endUs, ...(after && { after }), limit: limit + 1 });
    for (const summary of rows) {
      if (isOver()) return { ...pageOf(found, search), isCut: true };
      after = keyOf(summary);
      if (!matchesFacts(summary, search) || !(await hasSpans(get, summary, search))) continue;
      found.push(summary);
      if (order === 'newest' && found.length > limit) return pageOf(found, search);
    }
    if (rows.length <= limit) return pageOf(found, search);
  }
}

async function hasSpans(get: Store['get'], { traceId }: SortKey, search: StoreSearch): Promise<boolean> {
  if (!asksSpans(search)) return true;
  const trace = await get(traceId);
  return trace !== null && matchesSpans(decodeSpans(mergeTrace(trace.otlp), 'kept'), search);
}
