import { follower } from './follower.ts';
import { RECORD_FOR_NOW, type SampledSpan, type Sampler, type SamplingResult } from './sampler.ts';
import { withThreshold } from './trace-state.ts';

const STATUS_ERROR = 2;
const SLOW_MS = 1_000;

/**
 * Samples what `inner` samples, and of the other traces every span that has the status `error` or lasted `slowMs` or longer,
 * together with all that ends in its trace after it: so its parents are there. What such a trace did before, and other
 * services that it asked before, are not. Spans are weighed rightly: what is always sampled stands for itself (`th:0`).
 */
export function errorsAndSlow(inner: Sampler, slowMs: number = SLOW_MS): Sampler {
  const ask = follower(inner);
  /** Their ids are the same object for all spans of this page. */
  const promoted = new WeakSet<readonly number[]>();

  const certain = ({ trace }: SampledSpan): SamplingResult => ({
    decision: 'record_and_sample',
    shouldRetry: false,
    traceState: withThreshold(trace.traceState, '0'),
  });
  const promote = (span: SampledSpan) => {
    promoted.add(span.trace.words);
    return certain(span);
  };
  const decide = (span: SampledSpan, result: SamplingResult): SamplingResult => {
    if (promoted.has(span.trace.words)) return certain(span);
    return result.decision === 'drop' ? RECORD_FOR_NOW : { ...result, shouldRetry: true };
  };
  return {
    onStart: (span) => decide(span, ask('onStart', span)),
    onUpdateName: (span, name) => decide(span, ask('onUpdateName', span, name)),
    onSetAttribute: (span, key, value) => decide(span, ask('onSetAttribute', span, key, value)),
    onAddEvent: (span, name) => decide(span, ask('onAddEvent', span, name)),
    onSetStatus(span, statusCode) {
      const result = ask('onSetStatus', span, statusCode);
      return statusCode === STATUS_ERROR ? promote(span) : decide(span, result);
    },
    onEnd(span) {
      const result = ask('onEnd', span);
      if (promoted.has(span.trace.words)) return certain(span);
      return span.endUs! - span.startUs >= slowMs * 1_000 ? promote(span) : result;
    },
  };
}
