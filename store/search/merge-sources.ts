import type { SearchOrder } from '../../model/query/conditions.ts';
import { compareFound } from '../../model/query/search-order.ts';
import type { SortKey } from '../store.ts';
import type { Candidate, Source, Stream } from './candidate.ts';

/** Sources to open at first, twice as many each time that was not enough, and at most. */
const FIRST_SOURCES = 2;
const MAX_SOURCES = 32;

export interface Batch {
  readonly candidates: readonly Candidate[];
  /** All candidates up to this key are in this batch or in one before; null while that is not known of any. */
  readonly reached: SortKey | null;
}

interface Opened {
  readonly stream: Stream;
  buffer: readonly Candidate[];
  at: number;
}

/**
 * The candidates of all sources in order. Of the newest first, sources are opened only when it is their turn; what is slowest can be
 * anywhere. Between batches a caller can stop: some are empty for that.
 */
export async function* mergeSources(sources: readonly Source[], order: SearchOrder): AsyncGenerator<Batch, void> {
  const waiting = sources.toSorted((a, b) => b.lastStartUs - a.lastStartUs);
  let opened: Opened[] = [];
  let count = FIRST_SOURCES;
  let reached: SortKey | null = null;
  while (true) {
    await Promise.all(opened.filter((each) => each.at === each.buffer.length).map(refill));
    opened = opened.filter((each) => each.at < each.buffer.length);
    const horizonUs = waiting[0]?.lastStartUs ?? Number.NEGATIVE_INFINITY;
    const isDue = ({ key }: Candidate) => waiting.length === 0 || (order === 'newest' && key.startUs > horizonUs);
    const candidates: Candidate[] = [];
    for (let first = earliest(opened, order); first && isDue(headOf(first)); first = earliest(opened, order)) {
      candidates.push(headOf(first));
      first.at++;
      // What comes next of it may sort before what the others have.
      if (first.at === first.buffer.length) break;
    }
    if (candidates.length > 0) {
      reached = candidates.at(-1)!.key;
      yield { candidates, reached };
    } else if (waiting.length > 0) {
      if (order === 'newest') reached = lastAbove(horizonUs);
      opened.push(...(await Promise.all(waiting.splice(0, count).map(openSource))));
      count = Math.min(count * 2, MAX_SOURCES);
      yield { candidates, reached };
    } else if (opened.length === 0) return;
  }
}

/** Where everything that starts later has been. */
function lastAbove(startUs: number): SortKey {
  return { startUs: startUs + 1, durationUs: 0, traceId: '0'.repeat(32) };
}

async function openSource(source: Source): Promise<Opened> {
  const opened = { stream: await source.open(), buffer: [], at: 0 };
  await refill(opened);
  return opened;
}

async function refill(opened: Opened): Promise<void> {
  opened.buffer = await opened.stream.next();
  opened.at = 0;
}

function headOf({ buffer, at }: Opened): Candidate {
  return buffer[at]!;
}

function earliest(opened: readonly Opened[], order: SearchOrder): Opened | null {
  let best: Opened | null = null;
  for (const each of opened) {
    if (best === null || compareFound(order, headOf(each).key, headOf(best).key) < 0) best = each;
  }
  return best;
}
