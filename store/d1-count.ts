/** How many traces of a ring of databases match. */

import { type Counting, countPlaces, tallyIn } from './search/count-sources.ts';
import { presentOf, readPlaces, type Shelf } from './search/sources.ts';
import type { Store, StoreSearch, Tally, TallyGrid, TraceCount } from './store.ts';

/** How many match. @throws StoreError, or what D1 threw */
export async function countRing(
  shelves: readonly Shelf[],
  get: Store['get'],
  search: StoreSearch,
): Promise<TraceCount> {
  let count = 0;
  const counting: Counting = {
    async ordinals(_, { ordinals, from, to }) {
      count += ordinals.count(from, to);
    },
    trace() {
      count++;
    },
  };
  const exact = await countAll(shelves, get, search, counting);
  return { count, exact };
}

/** The same by start and duration. @throws StoreError, or what D1 threw */
export async function tallyRing(
  shelves: readonly Shelf[],
  get: Store['get'],
  search: StoreSearch,
  grid: TallyGrid,
): Promise<Tally> {
  const { counts, counting } = tallyIn(grid);
  const exact = await countAll(shelves, get, search, counting);
  return { counts, exact };
}

async function countAll(
  shelves: readonly Shelf[],
  get: Store['get'],
  { after: _, ...search }: StoreSearch,
  counting: Counting,
): Promise<boolean> {
  const databases = shelves.map(({ database }) => database);
  const places = await Promise.all(shelves.map(({ database }) => readPlaces(database, search, null, false)));
  const resolver = { databases, get, snapshot: presentOf(places), changes: places.map(({ changes }) => changes) };
  let exact = shelves.length === 1;
  for (const [i, shelf] of shelves.entries()) {
    exact = (await countPlaces(shelf, places[i]!, search, resolver, counting, search.isOver)) && exact;
  }
  return exact;
}
