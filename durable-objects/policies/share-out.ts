/**
 * Shares `goal` out among keys by the logarithm of how much comes of each, at least 1 for each. Who needs less than that
 * leaves the rest to the others. Gives the probability of each key, above 0 and at most 1.
 */
export function shareOut<TKey>(goal: number, amounts: ReadonlyMap<TKey, number>): Map<TKey, number> {
  // The fewer come of a key, the nearer its share is to all of them: in this order, surplus only moves onwards.
  const keys = [...amounts].map(([key, amount]) => [key, Math.max(1, amount)] as const).sort(([, a], [, b]) => a - b);
  let goalLeft = goal;
  let logsLeft = keys.reduce((sum, [, amount]) => sum + Math.log(amount), 0);
  const shares = new Map<TKey, number>();
  for (const [key, amount] of keys) {
    const log = Math.log(amount);
    const share = Math.min(amount, Math.max(1, logsLeft > 0 ? (goalLeft * log) / logsLeft : goalLeft));
    shares.set(key, share / amount);
    goalLeft = Math.max(0, goalLeft - share);
    logsLeft -= log;
  }
  return shares;
}
