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
      const { trace, parent, parent0, parent1 } = span.place;
      if (!parent && !parent0 && !parent1) {
        const isSampled = randomOf(trace.words) >= threshold;
        const flags = isSampled ? trace.flags : trace.flags & ~FLAG_SAMPLED;
        span.place = { ...span.place, trace: { ...trace, flags, traceState: isSampled ? traceState : '' } };
      }
      if (span.place.trace.flags & FLAG_SAMPLED) span.hand();
      else span.drop();
    },
    ask() {},
  };
}
