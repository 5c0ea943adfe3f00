/** How many traces match: in segments without looking at a single one. */

import { orCorruptSegment } from '../r2-segments.ts';
import type { SegmentReader } from '../segment/open.ts';
import type { PageSearch, TallyGrid } from '../store.ts';
import { openBlockStream } from './block-source.ts';
import { type Resolver, resolve } from './resolve.ts';
import { type FoundOrdinals, findOrdinals } from './segment-source.ts';
import type { Places, Shelf } from './sources.ts';

/** Segments and blocks that are looked at at the same time. */
const AT_ONCE = 6;

/** What is done with traces that match. */
export interface Counting {
  ordinals(reader: SegmentReader, found: FoundOrdinals): Promise<void>;
  trace(startUs: number, durationUs: number): void;
}

/** Counts what one database has. False where that is not exact, or it was over before the end. */
export async function countPlaces(
  shelf: Shelf,
  { segments, blocks }: Places,
  search: PageSearch,
  resolver: Resolver,
  counting: Counting,
  isOver: () => boolean,
): Promise<boolean> {
  let isExact = segments.every((row) => row.stale === 0 && row.lateTraces === 0);
  const steps = [
    ...segments.map((row) => async () => {
      await orCorruptSegment(row.segmentKey, async () => {
        const reader = await shelf.openSegment(row);
        await counting.ordinals(reader, await findOrdinals(reader, search));
      });
    }),
    ...blocks.map((block) => async () => {
      if (block.manyParts.size > 0) isExact = false;
      const stream = await openBlockStream(shelf.database, shelf.bucket, shelf.db, block, search);
      const found = await resolve(resolver, await stream.next(), search);
      for (const { key } of found) counting.trace(key.startUs, key.durationUs);
    }),
  ];
  for (let i = 0; i < steps.length; i += AT_ONCE) {
    if (isOver()) return false;
    await Promise.all(steps.slice(i, i + AT_ONCE).map((step) => step()));
  }
  return isExact;
}

/** A grid of counts, and how to count in it. */
export function tallyIn({ startsUs, durationsUs }: TallyGrid): { counts: number[][]; counting: Counting } {
  const counts = startsUs.map(() => new Array<number>(durationsUs.length).fill(0));
  const trace = (startUs: number, durationUs: number) => {
    const row = counts[Math.max(0, lastNotAbove(startsUs, startUs))]!;
    row[Math.max(0, lastNotAbove(durationsUs, durationUs))]!++;
  };
  const counting: Counting = {
    async ordinals(reader, { ordinals, from, to }) {
      const [starts, durations] = await Promise.all([reader.readStarts(from, to), reader.readDurations(from, to)]);
      for (const ordinal of ordinals.iterate(from, to)) trace(starts[ordinal - from]!, durations[ordinal - from]!);
    },
    trace,
  };
  return { counts, counting };
}

function lastNotAbove(bounds: readonly number[], value: number): number {
  let from = 0;
  let to = bounds.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (bounds[middle]! <= value) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}
