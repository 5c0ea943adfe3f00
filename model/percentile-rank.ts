/** Where a duration stands among those of a histogram. */

import { coarserSlot, FINEST_SCALE, type Histogram, slotOf } from './histogram.ts';

/**
 * A function that gives the share of the histogram's durations that are shorter, 0 to 100 in steps of 0.1; those in the same
 * bucket count half, so it is off by half of what is in the bucket at most. The histogram must not be empty.
 */
export function percentileRanks(histogram: Histogram): (durationUs: number) => number {
  const steps = FINEST_SCALE - histogram.scale;
  const slots: number[] = [];
  const below: number[] = [];
  let sum = 0;
  for (const [slot, count] of histogram.slots()) {
    slots.push(slot);
    below.push(sum);
    sum += count;
  }
  below.push(sum);
  return (durationUs) => {
    const slot = coarserSlot(slotOf(durationUs), steps);
    let low = 0;
    let high = slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (slots[middle]! < slot) low = middle + 1;
      else high = middle;
    }
    const shorter = slots[low] === slot ? (below[low]! + below[low + 1]!) / 2 : below[low]!;
    return Math.round((1_000 * shorter) / sum) / 10;
  };
}
