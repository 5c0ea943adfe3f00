/** So much a second, no more. */

import type { Verdict } from './policy.ts';

/** What can be saved up. */
const BURST_SECONDS = 1;
/** A clock that goes back further has been set. */
const MAX_STEP_BACK_MS = 60_000;
const OVER_LIMIT: Verdict = { keep: false, rate: 1, reason: 'over_limit' };

/**
 * What is kept is paid for from a budget that grows with time, up to `BURST_SECONDS` worth of it. A trace is kept whenever
 * anything is left, however large it is, and the budget is in debt after it: so large traces are kept as often as small ones,
 * and on average the limit holds. What was refused since the last one that was kept is what that one stands for too: the
 * rates add up to all that came. Which traces are refused depends on when they come, not on what they are.
 */
export class Budget {
  private readonly perSecond: number;
  private left: number;
  private sinceMs = Number.NaN;
  /** Traces that were refused and that no kept one stands for yet. */
  private refused = 0;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
    this.left = perSecond * BURST_SECONDS;
  }

  /** @param rate how many traces this one stands for where nothing is refused */
  spend(cost: number, rate: number, reason: Verdict['reason'], nowMs: number): Verdict {
    const elapsedMs = nowMs - this.sinceMs;
    if (elapsedMs > 0) {
      this.left = Math.min(this.perSecond * BURST_SECONDS, this.left + (this.perSecond * elapsedMs) / 1000);
    }
    // Time that goes back earns nothing, also when it catches up.
    if (!(elapsedMs < 0 && elapsedMs > -MAX_STEP_BACK_MS)) this.sinceMs = nowMs;
    if (this.left <= 0) {
      this.refused += rate;
      return OVER_LIMIT;
    }
    this.left -= cost;
    const verdict: Verdict = { keep: true, rate: rate + this.refused, reason };
    this.refused = 0;
    return verdict;
  }
}
