/**
 * Thresholds and randomness as numbers of 48 bits: the first of the 56 that there are, which is as exact as a sampler of consistent
 * probability has to be (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/). Traces that are not
 * below are sampled.
 */

const LIMIT = 2 ** 48;

/** The threshold for a probability from 0 to 1. No randomness reaches the one for 0. */
export function thresholdOf(probability: number): number {
  return LIMIT - Math.round(probability * LIMIT);
}

/** A threshold as `th` says it; the one for 0 has no form. */
export function formatThreshold(threshold: number): string {
  return threshold.toString(16).padStart(12, '0').replace(/0+$/, '') || '0';
}

/** Of the last 56 bits of a trace id. */
export function randomOf(words: readonly number[]): number {
  return (words[2]! & 0xffffff) * 2 ** 24 + (words[3]! >>> 8);
}
