import { always } from './always.ts';
import { DROP, type Sampler } from './sampler.ts';
import { withThreshold } from './trace-state.ts';

/**
 * Samples up to `perSecond` of the traces that `inner` samples when they start, and can save up one second's worth; drops the
 * rest. Whom it drops depends on when they come, so what it samples stands for itself only. Meant for roots: put it in
 * `parentBased`.
 */
export function rateLimit(perSecond: number, inner: Sampler = always): Sampler {
  const most = Math.max(1, perSecond);
  let saved = most;
  let lastUs = Number.NEGATIVE_INFINITY;
  return {
    onStart(span) {
      const result = inner.onStart(span);
      if (result?.decision !== 'record_and_sample') return result;
      if (span.startUs > lastUs) {
        saved = Math.min(most, saved + ((span.startUs - lastUs) / 1e6) * perSecond);
        lastUs = span.startUs;
      }
      if (saved < 1) return DROP;
      saved--;
      const traceState = withThreshold(result.traceState ?? span.trace.traceState, '');
      return { decision: 'record_and_sample', shouldRetry: false, traceState };
    },
  };
}
