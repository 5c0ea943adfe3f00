/** How many spans a second a deployment takes in: a bucket of tokens that holds two seconds' worth. */

const BURST_SECONDS = 2;

/** Tokens that were asked for and given; where they are fewer, how long until there are as many as are missing. */
export interface Lease {
  readonly spans: number;
  readonly waitMs: number;
}

export class Capacity {
  readonly spansPerSecond: number;
  private tokens: number;
  private atMs: number;

  constructor(spansPerSecond: number, nowMs: number) {
    this.spansPerSecond = spansPerSecond;
    this.tokens = spansPerSecond * BURST_SECONDS;
    this.atMs = nowMs;
  }

  /** Gives `wanted` tokens; fewer than `needed` are of no use, and then none are given. More than fit are owed. */
  lease(needed: number, wanted: number, nowMs: number): Lease {
    const burst = this.spansPerSecond * BURST_SECONDS;
    const elapsedMs = Math.max(0, nowMs - this.atMs);
    this.tokens = Math.min(burst, this.tokens + (elapsedMs * this.spansPerSecond) / 1000);
    this.atMs = nowMs;
    const missing = Math.min(needed, burst) - this.tokens;
    if (missing > 0) return { spans: 0, waitMs: Math.ceil((missing * 1000) / this.spansPerSecond) };
    const spans = Math.max(needed, Math.min(wanted, Math.floor(this.tokens)));
    this.tokens -= spans;
    return { spans, waitMs: 0 };
  }
}
