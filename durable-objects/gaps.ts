/**
 * How long traces of each root operation pause between the spans they send: a bounded histogram of each trace's longest
 * pause. Its 95th percentile tells how long a trace that looks complete has to be quiet until it is.
 */

/** Histogram bounds grow by the square root of 2 from 10 ms to 29 s. */
const BUCKETS = 24;
const FIRST_MS = 10;
const QUANTILE = 0.95;
/** Fewer say nothing yet. */
const MIN_SAMPLES = 20;
/** Then all counts are halved, so that what was long ago weighs less. */
const MAX_SAMPLES = 1_000;
/** Root operations that are learned; others have the configured quiet time. */
const MAX_OPERATIONS = 2_000;

export class Gaps {
  private readonly histograms = new Map<number, Uint16Array>();

  /** `operation`: id in the shard's `Operations`. */
  learn(operation: number, gapMs: number): void {
    let counts = this.histograms.get(operation);
    if (!counts) {
      if (this.histograms.size >= MAX_OPERATIONS) return;
      counts = new Uint16Array(BUCKETS + 1);
      this.histograms.set(operation, counts);
    }
    counts[bucketOf(gapMs)]!++;
    if (++counts[BUCKETS]! < MAX_SAMPLES) return;
    let total = 0;
    for (let i = 0; i < BUCKETS; i++) total += counts[i]! >>= 1;
    counts[BUCKETS] = total;
  }

  /** Upper bound of the 95th percentile in milliseconds; null where too few traces are known. */
  quietMs(operation: number): number | null {
    const counts = this.histograms.get(operation);
    if (!counts || counts[BUCKETS]! < MIN_SAMPLES) return null;
    let rest = Math.floor(counts[BUCKETS]! * (1 - QUANTILE));
    let bucket = BUCKETS - 1;
    while (bucket > 0 && rest >= counts[bucket]!) rest -= counts[bucket--]!;
    return FIRST_MS * 2 ** (bucket / 2);
  }

  /** What has been learned, to be restored under the same operations. */
  entries(): [operation: number, counts: number[]][] {
    return [...this.histograms].map(([operation, counts]) => [operation, [...counts]]);
  }

  restore(operation: number, counts: readonly number[]): void {
    this.histograms.set(operation, Uint16Array.from(counts));
  }
}

function bucketOf(gapMs: number): number {
  if (gapMs <= FIRST_MS) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(2 * Math.log2(gapMs / FIRST_MS)));
}
