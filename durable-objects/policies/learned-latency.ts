import { MAX_LEARNED_OPERATIONS } from './bounds.ts';
import { WindowClock } from './window-clock.ts';

const BUCKETS_PER_OCTAVE = 8;
/** Up to 2^36 us, which is 19 hours. */
const BUCKETS = BUCKETS_PER_OCTAVE * 36;

/** Of one operation: how long it takes, in buckets that are 9 % wide, in this window and the last. */
class Durations {
  private current = new Uint32Array(BUCKETS);
  private previous = new Uint32Array(BUCKETS);
  private currentCount = 0;
  private previousCount = 0;
  private slowUs = 0;
  private recountAt = 0;

  get count(): number {
    return this.currentCount + this.previousCount;
  }

  add(durationUs: number): void {
    this.current[bucketOf(durationUs)]!++;
    this.currentCount++;
  }

  turn(): void {
    const oldest = this.previous;
    this.previous = this.current;
    this.previousCount = this.currentCount;
    this.current = oldest.fill(0);
    this.currentCount = 0;
    this.recountAt = 0;
  }

  /** As if durations were spread evenly over a bucket; worked out anew when a sixteenth has been added. */
  quantileUs(quantile: number): number {
    if (this.count < this.recountAt) return this.slowUs;
    let left = quantile * this.count;
    let bucket = 0;
    let here = this.countIn(0);
    while (left > here && bucket < BUCKETS - 1) {
      left -= here;
      bucket++;
      here = this.countIn(bucket);
    }
    const fromUs = bucket === 0 ? 0 : 2 ** (bucket / BUCKETS_PER_OCTAVE);
    const toUs = 2 ** ((bucket + 1) / BUCKETS_PER_OCTAVE);
    this.slowUs = fromUs + (toUs - fromUs) * (here > 0 ? Math.min(1, left / here) : 1);
    this.recountAt = this.count + (this.count >> 4) + 1;
    return this.slowUs;
  }

  private countIn(bucket: number): number {
    return this.current[bucket]! + this.previous[bucket]!;
  }
}

/** How long traces of each root operation usually take, for a bounded number of operations, by what was seen lately. */
export class LearnedLatency {
  private readonly clock: WindowClock;
  private readonly operations = new Map<number, Durations>();

  constructor(windowMs: number) {
    this.clock = new WindowClock(windowMs);
  }

  add(operation: number, durationUs: number, nowMs: number): void {
    this.advance(nowMs);
    let durations = this.operations.get(operation);
    if (!durations) {
      if (this.operations.size >= MAX_LEARNED_OPERATIONS) return;
      durations = new Durations();
      this.operations.set(operation, durations);
    }
    durations.add(durationUs);
  }

  /** Microseconds; null while fewer than `minCount` traces of this operation are known. */
  quantileUs(operation: number, quantile: number, minCount: number, nowMs: number): number | null {
    this.advance(nowMs);
    const durations = this.operations.get(operation);
    return durations && durations.count >= minCount ? durations.quantileUs(quantile) : null;
  }

  private advance(nowMs: number): void {
    for (let turns = this.clock.turn(nowMs); turns > 0; turns--) {
      for (const [operation, durations] of this.operations) {
        durations.turn();
        if (durations.count === 0) this.operations.delete(operation);
      }
    }
  }
}

function bucketOf(durationUs: number): number {
  if (!(durationUs > 1)) return 0;
  return Math.min(BUCKETS - 1, Math.floor(Math.log2(durationUs) * BUCKETS_PER_OCTAVE));
}
