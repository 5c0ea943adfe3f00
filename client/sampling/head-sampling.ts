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
  // Of both, the first 24 bits mostly tell, and are compared faster.
  const high = Number.parseInt(threshold.slice(0, 6), 16);
  const traceState = `ot=th:${formatThreshold(threshold)}`;
  return {
    keepsUnsampled: false,
    start(span) {
      if (span.isRoot) {
        const { trace } = span;
        const random = trace.words[2]! & 0xffffff;
        const isSampled = random === high ? randomOf(trace.words) >= threshold : random > high;
        const flags = isSampled ? trace.flags : trace.flags & ~FLAG_SAMPLED;
        span.trace = { ...trace, flags, traceState: isSampled ? traceState : '' };
      }
      if (span.trace.flags & FLAG_SAMPLED) span.hand();
      else span.drop();
    },
    ask() {},
  };
}
