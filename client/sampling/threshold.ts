/**
 * Thresholds and randomness as 14 hex digits, which compare as the numbers that they are
 * (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/): traces that are not below are sampled.
 */

import { wordsToHex } from '../api/ids.ts';

/** The threshold for a probability from 0 to 1. No randomness reaches the one for 0. */
export function thresholdOf(probability: number): string {
  const rejected = 2n ** 56n - BigInt(Math.round(probability * 2 ** 56));
  return rejected < 2n ** 56n ? rejected.toString(16).padStart(14, '0') : 'none';
}

/** A threshold as `th` says it. */
export function formatThreshold(threshold: string): string {
  return threshold.replace(/0+$/, '') || '0';
}

/** The last 56 bits of a trace id. */
export function randomOf(words: readonly number[]): string {
  return wordsToHex(words.slice(2)).slice(2);
}
