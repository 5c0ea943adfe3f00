/**
 * Consistent probability sampling: everyone who samples a trace at the same probability decides alike, because the
 * last 7 bytes of the trace id are its randomness
 * (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/).
 */

const RANDOMNESS_VALUES = 2n ** 56n;

/** True when a trace is in the sample of this probability, 0 to 1. `traceId` is 32 lower-case hex digits. */
export function isSampled(traceId: string, probability: number): boolean {
  return BigInt(`0x${traceId.slice(18)}`) >= rejectionThreshold(probability);
}

/** The least randomness that is sampled: 0 keeps all, 2^56 none. Exact for every double. */
export function rejectionThreshold(probability: number): bigint {
  return RANDOMNESS_VALUES - BigInt(Math.round(probability * Number(RANDOMNESS_VALUES)));
}
