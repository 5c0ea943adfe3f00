/** How many spans a second a shard takes, where the configuration says so: a bucket of tokens that holds two seconds' worth. */

const BURST_SECONDS = 2;

export class Capacity {
  private readonly spansPerMs: number;
  private readonly burst: number;
  private tokens: number;
  private atMs: number;

  /** @param spansPerSecond of this shard; infinite where nothing is configured */
  constructor(spansPerSecond: number, nowMs: number) {
    this.spansPerMs = spansPerSecond / 1000;
    this.burst = spansPerSecond * BURST_SECONDS;
    this.tokens = this.burst;
    this.atMs = nowMs;
  }

  /** Takes so many spans in and returns 0, or how long to wait, in milliseconds, until there is room for them. */
  take(spans: number, nowMs: number): number {
    if (this.spansPerMs === Number.POSITIVE_INFINITY) return 0;
    this.tokens = Math.min(this.burst, this.tokens + Math.max(0, nowMs - this.atMs) * this.spansPerMs);
    this.atMs = nowMs;
    // More than fits at once is taken when the bucket is full, and owed.
    const needed = Math.min(spans, this.burst);
    if (this.tokens < needed) return Math.ceil((needed - this.tokens) / this.spansPerMs);
    this.tokens -= spans;
    return 0;
  }
}
