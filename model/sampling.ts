/**
 * Consistent probability sampling: everyone who samples a trace at the same probability decides alike, because all
 * compare the same 56 bits of randomness with a threshold
 * (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/). 56 bits are held as two unsigned
 * integers, the first 24 and the last 32, so that no decision needs a BigInt.
 */

/** What randomness is compared with: traces below it are rejected. 0 rejects none, 2^56 (`high` = 2^24) all. */
export interface Threshold {
  readonly high: number;
  readonly low: number;
}

const TWO_24 = 2 ** 24;
const TWO_32 = 2 ** 32;
const TWO_56 = 2 ** 56;

/** The threshold that samples with this probability, 0 to 1; exact for every double from 2^-3 on, else to the nearest 2^-56. */
export function probabilityToThreshold(probability: number): Threshold {
  const sampled = Math.round(probability * TWO_56);
  const sampledHigh = Math.floor(sampled / TWO_32);
  const sampledLow = sampled - sampledHigh * TWO_32;
  if (sampledLow === 0) return { high: TWO_24 - sampledHigh, low: 0 };
  return { high: TWO_24 - sampledHigh - 1, low: TWO_32 - sampledLow };
}

/** The share of traces that a threshold samples, 0 to 1, to the nearest double. */
export function thresholdToProbability(high: number, low: number): number {
  return ((TWO_24 - high) * TWO_32 - low) / TWO_56;
}

/** True when a trace with this randomness is in the sample. */
export function isSampled(randomHigh: number, randomLow: number, threshold: Threshold): boolean {
  return randomHigh > threshold.high || (randomHigh === threshold.high && randomLow >= threshold.low);
}
