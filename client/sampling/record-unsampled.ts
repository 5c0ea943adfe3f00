import { RECORD, type Sampler, type SamplingResult } from './sampler.ts';

/**
 * Samples what `inner` samples, and has the rest recorded and sent as well, marked as not sampled: the edge may keep it, and
 * its statistics are of everything. It saves requests to others that follow the mark, not spans of this page.
 */
export function recordUnsampled(inner: Sampler): Sampler {
  const keep = (result: SamplingResult | undefined) => (result?.decision === 'drop' ? RECORD : result);
  return {
    keepsUnsampled: true,
    onStart: (span) => keep(inner.onStart(span)),
    onUpdateName: (span, name) => keep(inner.onUpdateName?.(span, name)),
    onSetAttribute: (span, key, value) => keep(inner.onSetAttribute?.(span, key, value)),
    onAddEvent: (span, name) => keep(inner.onAddEvent?.(span, name)),
    onSetStatus: (span, statusCode) => keep(inner.onSetStatus?.(span, statusCode)),
    onEnd: (span) => keep(inner.onEnd?.(span)),
  };
}
