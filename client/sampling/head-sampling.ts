/** What `sampleRate` does: all that the page's core knows of sampling. */

import { FLAG_SAMPLED } from '../propagation/w3c.ts';
import type { Sampling } from './sampler.ts';
import { formatThreshold, randomOf, thresholdOf } from './threshold.ts';

/**
 * Records the share `probability` (0 to 1) of the traces that begin here; those that others began go by them. The same as
 * `sampleBy(parentBased(probability(…)))`.
 */
export function headSampling(probability: number): Sampling {
  const threshold = thresholdOf(probability);
  const traceState = `ot=th:${formatThreshold(threshold)}`;
  return {
    keepsUnsampled: false,
    start(span) {
      if (span.isRoot) {
        const { trace } = span;
        const isSampled = randomOf(trace.words) >= threshold;
        const flags = isSampled ? trace.flags : trace.flags & ~FLAG_SAMPLED;
        span.trace = { ...trace, flags, traceState: isSampled ? traceState : '' };
      }
      if (span.trace.flags & FLAG_SAMPLED) span.hand();
      else span.drop();
    },
    ask() {},
  };
}
