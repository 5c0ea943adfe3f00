/** What a shard gives up first when its memory fills: time, then completeness, then spans. */

/**
 * - 0: none.
 * - 1 `quiet`: traces need not be quiet for so long.
 * - 2 `early`: complete traces that are fast, successful and not critical are decided as soon as they are looked at.
 * - 3 `arrival`: every trace is decided when it comes, by what has come of it; what comes later follows the decision.
 * - 4 `refuse`: appends are answered 429.
 */
export type PressureLevel = 0 | 1 | 2 | 3 | 4;

export const PRESSURE_NAMES = ['none', 'quiet', 'early', 'arrival', 'refuse'] as const;

/** Shares of the budget from which each level holds. */
const THRESHOLDS = [0.5, 0.7, 0.85, 1] as const;

/** `bytes` in use, of `budgetBytes`. */
export function pressureLevel(bytes: number, budgetBytes: number): PressureLevel {
  const share = bytes / budgetBytes;
  return THRESHOLDS.filter((threshold) => share >= threshold).length as PressureLevel;
}

/** How much of the usual quiet time a trace needs: from all of it at level 0 to a quarter when the budget is used up. */
export function quietShare(bytes: number, budgetBytes: number): number {
  const over = (bytes / budgetBytes - THRESHOLDS[0]) / (1 - THRESHOLDS[0]);
  return over <= 0 ? 1 : Math.max(0.25, 1 - 0.75 * over);
}
