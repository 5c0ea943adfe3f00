import { DROP, type Sampler } from './sampler.ts';
import { formatThreshold, randomOf, thresholdOf } from './threshold.ts';
import { readRandom, withThreshold } from './trace-state.ts';

/**
 * Samples the share `probability` (0 to 1) of all traces and drops the rest: the same ones as everybody who samples as
 * OpenTelemetry specifies, and of them those that a lower probability samples too. What is no share is none, or all.
 */
export function probability(probability: number): Sampler {
  const threshold = thresholdOf(probability > 0 ? Math.min(1, probability) : 0);
  return {
    onStart({ trace }) {
      const { words, traceState } = trace;
      if ((readRandom(traceState) ?? randomOf(words)) < threshold) return DROP;
      const sampled = withThreshold(traceState, formatThreshold(threshold));
      return { decision: 'record_and_sample', shouldRetry: false, traceState: sampled };
    },
  };
}
