import * as v from 'valibot';
import { LearnedLatency } from './learned-latency.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';

/**
 * Keeps a trace that took longer than `percentile` of the traces with the same root operation, kept or not, which this shard
 * saw in this window of `windowMinutes` and the last. Has nothing to say about a trace whose root has not ended, nor before it
 * knows `minTraces` of them.
 */
export const latencyPercentile = definePolicy(
  optionsOf('latency_percentile', {
    percentile: v.optional(v.pipe(v.number(), v.minValue(50), v.maxValue(99.9)), 95),
    minTraces: v.optional(v.pipe(v.number(), v.integer(), v.minValue(10), v.maxValue(1_000_000)), 100),
    windowMinutes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_440)), 10),
  }),
  ({ percentile, minTraces, windowMinutes }) => {
    const learned = new LearnedLatency(windowMinutes * 60_000);
    return {
      ...condition('slow_for_operation', (view, nowMs) => {
        if (!view.rootEnded) return false;
        const usualUs = learned.quantileUs(view.operation(view.root), percentile / 100, minTraces, nowMs);
        return usualUs !== null && view.durationUs > usualUs;
      }),
      observe: (view, nowMs) => {
        if (!view.rootEnded || view.isMeasured(view.root)) return;
        learned.add(view.operation(view.root), view.durationUs, nowMs);
      },
    };
  },
);
