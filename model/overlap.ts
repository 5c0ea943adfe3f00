/** What most of several measurements agree on: Marzullo's algorithm, by which NTP chooses among its sources (RFC 5905, 11.2.1). */

/** Both ends belong to it, and may be infinite. */
export interface Interval {
  readonly min: number;
  readonly max: number;
}

export interface Overlap extends Interval {
  /** How many of the intervals it lies in. */
  readonly agreeing: number;
}

/**
 * The range that lies in most of the intervals, of which there is at least one; when all overlap that is their
 * intersection. Of several such ranges it is the one nearest to 0. O(n log n).
 */
export function largestOverlap(intervals: readonly Interval[]): Overlap {
  const ends = intervals.flatMap(({ min, max }) => [
    { at: min, step: 1 },
    { at: max, step: -1 },
  ]);
  // Infinity minus itself is no number. Where one begins as another ends they overlap.
  ends.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : b.step - a.step));

  let best: Overlap = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY, agreeing: 0 };
  let open = 0;
  for (let i = 0; i < ends.length; i++) {
    open += ends[i]!.step;
    if (ends[i]!.step < 0 || open < best.agreeing) continue;
    const range = { min: ends[i]!.at, max: ends[i + 1]!.at, agreeing: open };
    if (open > best.agreeing || distanceFromZero(range) < distanceFromZero(best)) best = range;
  }
  return best;
}

function distanceFromZero({ min, max }: Interval): number {
  return Math.max(0, min, -max);
}
