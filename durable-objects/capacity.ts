/**
 * How many spans a second a deployment takes in: a bucket of tokens that holds two seconds' worth for everybody, and below that a
 * reserve for requests that are urgent. It fills first, so that of what is too much they are let in longest.
 */

const BURST_SECONDS = 2;
const RESERVE_SECONDS = 0.5;

/** Tokens that were asked for and given; where they are fewer, how long until there are as many as are missing. */
export interface Lease {
  readonly spans: number;
  readonly waitMs: number;
  /** How much of the two seconds' worth is left, 0 to 1. */
  readonly left: number;
}

export class Capacity {
  /** May change: what is there stays, as far as it fits. */
  spansPerSecond: number;
  private tokens: number;
  private atMs: number;

  constructor(spansPerSecond: number, nowMs: number) {
    this.spansPerSecond = spansPerSecond;
    this.tokens = spansPerSecond * (BURST_SECONDS + RESERVE_SECONDS);
    this.atMs = nowMs;
  }

  /**
   * Gives `wanted` tokens; fewer than `needed` are of no use, and then none are given. More than fit are owed. `kept` is how much of the
   * two seconds' worth is to be left for others, 0 to 1; of what is urgent nothing is.
   */
  lease(needed: number, wanted: number, nowMs: number, isUrgent: boolean, kept = 0): Lease {
    const { spansPerSecond } = this;
    const size = spansPerSecond * (BURST_SECONDS + RESERVE_SECONDS);
    const reserve = spansPerSecond * RESERVE_SECONDS;
    const floor = isUrgent ? 0 : reserve + kept * (size - reserve);
    const elapsedMs = Math.max(0, nowMs - this.atMs);
    this.tokens = Math.min(size, this.tokens + (elapsedMs * spansPerSecond) / 1000);
    this.atMs = nowMs;
    const free = this.tokens - floor;
    const missing = Math.min(needed, size - floor) - free;
    const isEnough = missing <= 0;
    const spans = isEnough ? Math.max(needed, Math.min(wanted, Math.floor(free))) : 0;
    this.tokens -= spans;
    return {
      spans,
      waitMs: isEnough ? 0 : Math.ceil((missing * 1000) / spansPerSecond),
      left: Math.max(0, (this.tokens - reserve) / (size - reserve)),
    };
  }
}
