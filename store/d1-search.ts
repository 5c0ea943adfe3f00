/** A page of a search over a ring of databases. */

import { compareFound } from '../model/query/search-order.ts';
import type { Source } from './search/candidate.ts';
import { mergeSources } from './search/merge-sources.ts';
import { type Resolver, resolve } from './search/resolve.ts';
import {
  type ChangeColumns,
  checkAge,
  decodeChanges,
  formatSnapshot,
  parseSnapshot,
  selectChanges,
} from './search/snapshot.ts';
import {
  changedCandidates,
  changedSource,
  isWalk,
  type Places,
  presentOf,
  readPlaces,
  type Shelf,
  sourcesOf,
  walkOf,
} from './search/sources.ts';
import type { FoundTrace, SortKey, Store, StorePage, StoreSearch } from './store.ts';

/** Candidates to look up at once, at least. */
const MIN_RESOLVED = 16;

/** @throws StoreError, or what D1 threw */
export async function searchRing(
  shelves: readonly Shelf[],
  get: Store['get'],
  search: StoreSearch,
): Promise<StorePage> {
  const databases = shelves.map(({ database }) => database);
  const since = search.snapshot === undefined ? null : parseSnapshot(search.snapshot, databases.length);
  const places = await Promise.all(
    shelves.map(({ database, db }) => readPlaces(database, search, since?.seqs[db] ?? null, isWalk(search))),
  );
  const present = presentOf(places);
  if (since) checkAge(since, present);
  const snapshot = since ?? present;
  const sources = shelves.flatMap((shelf, i) => [
    ...(isWalk(search) ? [walkOf(shelf, search)] : sourcesOf(shelf, places[i]!, search, shelves.length === 1)),
    changedSource(shelf.db, places[i]!.changes, search),
  ]);
  const resolver = { databases, get, snapshot, changes: places.map(({ changes }) => changes) };
  const walked = await walkSources(sources, resolver, search);
  const found = await putBack(walked, resolver, places, search);
  const traces = found.slice(0, search.limit);
  const { isCut, isEnd, reached } = walked;
  const hasMore = !isEnd || found.length > search.limit;
  const end = found.length > search.limit ? traces.at(-1)!.key : reached;
  return { traces, reached: hasMore ? end : null, isCut, snapshot: formatSnapshot(snapshot) };
}

interface Walked {
  /** By trace id, in order. */
  readonly found: ReadonlyMap<string, FoundTrace>;
  /** Everything up to this key was looked at. */
  readonly reached: SortKey;
  /** It was over before there was a page. */
  readonly isCut: boolean;
  /** Everything was looked at. */
  readonly isEnd: boolean;
}

/** Until there is more than a page, or it is over. */
async function walkSources(sources: readonly Source[], resolver: Resolver, search: StoreSearch): Promise<Walked> {
  const found = new Map<string, FoundTrace>();
  const start = search.after ?? beforeAll(search);
  let reached = start;
  for await (const batch of mergeSources(sources, search.order)) {
    for (let at = 0; at < batch.candidates.length; ) {
      const few = batch.candidates.slice(at, at + Math.max(MIN_RESOLVED, search.limit + 1 - found.size));
      const fresh = few.filter(({ key }) => !found.has(key.traceId));
      for (const each of await resolve(resolver, fresh, search)) found.set(each.key.traceId, each);
      reached = few.at(-1)!.key;
      at += few.length;
      if (found.size > search.limit) return { found, reached, isCut: false, isEnd: false };
      if (search.isOver()) return { found, reached, isCut: true, isEnd: false };
    }
    reached = batch.reached ?? reached;
    // Not before it has come further than the page before.
    const isFurther = compareFound(search.order, start, reached) < 0;
    if (search.isOver() && isFurther) return { found, reached, isCut: true, isEnd: false };
  }
  return { found, reached, isCut: false, isEnd: true };
}

/** What changed while it was looked for was met where it is now, or not at all: it is put back where it stood. */
async function putBack(
  { found, reached, isEnd }: Walked,
  resolver: Resolver,
  places: readonly Places[],
  search: StoreSearch,
): Promise<FoundTrace[]> {
  const read = resolver.databases.map(async (database, db) => {
    const { present, changes } = places[db]!;
    const { results } = await selectChanges(database, present.value).all<ChangeColumns>();
    return new Map([...decodeChanges(results)].filter(([traceId]) => !changes.has(traceId)));
  });
  const moved = await Promise.all(read);
  if (moved.every(({ size }) => size === 0)) return [...found.values()];
  const candidates = moved
    .flatMap((changes, db) => changedCandidates(db, changes, search))
    .filter(({ key }) => isEnd || compareFound(search.order, key, reached) <= 0);
  const staying = [...found.values()].filter(({ key }) => !moved.some((changes) => changes.has(key.traceId)));
  const back = await resolve(resolver, candidates, search);
  return [...staying, ...back].sort((a, b) => compareFound(search.order, a.key, b.key));
}

/** A key that sorts before all that can be found. */
function beforeAll({ order, endUs }: StoreSearch): SortKey {
  const most = Number.MAX_SAFE_INTEGER;
  if (order === 'slowest') return { startUs: most, durationUs: most, traceId: 'g' };
  return { startUs: Math.min(endUs + 1, most), durationUs: 0, traceId: '0'.repeat(32) };
}
