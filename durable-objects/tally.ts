/** How many of the traces that were found are in each cell of a grid. */

import type { TallyGrid } from '../store/store.ts';
import type { LiveTally } from './protocol.ts';
import type { FoundTraces } from './search.ts';
import type { Steps } from './steps.ts';
import type { TraceWords } from './trace-words.ts';

/** About how many nanoseconds it takes to find a trace's cell. */
const CELL_COST = 200;

/** Traces of which the store has parts are left to the store. */
export async function tallyFound(
  { found, cutAt }: FoundTraces,
  { startsUs, durationsUs }: TallyGrid,
  isErased: (words: TraceWords) => boolean,
  steps: Steps,
): Promise<Pick<LiveTally, 'counts' | 'exact'>> {
  const counts = startsUs.map(() => durationsUs.map(() => 0));
  let isExact = cutAt === null;
  for (const { startUs, durationUs, words, isPart } of found) {
    steps.spend(CELL_COST);
    if (steps.isDue) await steps.next();
    if (isPart) isExact = false;
    else if (!isErased(words)) counts[lastUpTo(startsUs, startUs)]![lastUpTo(durationsUs, durationUs)]!++;
  }
  return { counts, exact: isExact };
}

/** Place of the last bound that is not above a value, 0 where all are. */
function lastUpTo(bounds: readonly number[], value: number): number {
  let [low, high] = [0, bounds.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (bounds[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
