/** Tells when a window of time is over. Time comes in as it is, and may jump. */
export class WindowClock {
  private readonly windowMs: number;
  private index: number | null = null;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /**
   * How many windows have begun since the last call: 0, 1, or 2 for more and for the first call. Time that goes back by
   * less than a window stands still; further back, it begins anew.
   */
  turn(nowMs: number): 0 | 1 | 2 {
    const index = Math.floor(nowMs / this.windowMs);
    const before = this.index;
    if (Number.isNaN(index) || index === before || index + 1 === before) return 0;
    this.index = index;
    return before !== null && index === before + 1 ? 1 : 2;
  }
}
