/** A shard's answer to an append in one number: an object would cost a call a third more. */

import type { PressureLevel } from './pressure.ts';

/**
 * True: durable. Negative: durable, and so high is the shard's level of pressure. Positive: refused, and the same may come again
 * after so many milliseconds.
 */
export type AppendResult = true | number;

/** Durable, with a `PressureLevel`. */
export function taken(level: number): AppendResult {
  return level === 0 ? true : -level;
}

export function isTaken(result: AppendResult): boolean {
  return result === true || result < 0;
}

/** The shard's level of pressure as its answer tells it. */
export function levelOf(result: AppendResult): PressureLevel {
  if (result === true) return 0;
  return (result < 0 ? -result : 4) as PressureLevel;
}

/** What several shards' answers come to: one that refused, else the one under the highest pressure. */
export function worst(results: readonly AppendResult[]): AppendResult {
  return results.find((result) => !isTaken(result)) ?? taken(Math.max(0, ...results.map(levelOf)));
}
