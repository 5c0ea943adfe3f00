import { monotonicMs } from '../api/clock.ts';
import { always } from './always.ts';
import { DROP, type Sampler } from './sampler.ts';
import { withThreshold } from './trace-state.ts';

/**
 * Samples up to `perSecond` of the traces that `inner` samples when they start, and can save up one second's worth; drops the
 * rest. Whom it drops depends on when they come, so what it samples stands for itself only. Meant for roots: put it in
 * `parentBased`.
 */
export function rateLimit(perSecond: number, inner: Sampler = always, nowMs: () => number = monotonicMs): Sampler {
  const most = perSecond > 0 ? Math.max(1, perSecond) : 0;
  let saved = most;
  // Not when spans say they start: that may be any time, and follows clocks that are set.
  let lastMs = nowMs();
  return {
    onStart(span) {
      const result = inner.onStart(span);
      if (result?.decision !== 'record_and_sample') return result;
      const ms = nowMs();
      saved = Math.min(most, saved + ((ms - lastMs) / 1_000) * perSecond);
      lastMs = ms;
      if (saved < 1) return DROP;
      saved--;
      const traceState = withThreshold(result.traceState ?? span.trace.traceState, '');
      return { decision: 'record_and_sample', shouldRetry: false, traceState };
    },
  };
}
