/** Asks a sampler about spans, and does as it says. User code wrote it: whatever it does, the span goes on. */

import { QUIET, runIn } from '../api/context.ts';
import { FLAG_SAMPLED } from '../propagation/w3c.ts';
import type { SampledSpan, Sampler, Sampling, SamplingResult, UndecidedSpan } from './sampler.ts';
import { withThreshold } from './trace-state.ts';

type Call = (span: SampledSpan, first?: unknown, second?: unknown) => SamplingResult | undefined;

/** For the option `sampler`: has `sampler` decide about every span. */
export function sampleBy(sampler: Sampler): Sampling {
  const handed = new WeakSet<UndecidedSpan>();
  const hand = (span: UndecidedSpan) => {
    if (handed.has(span)) return;
    handed.add(span);
    span.hand();
  };
  const sampling: Sampling = {
    keepsUnsampled: sampler.keepsUnsampled === true,
    start(span) {
      if (span.parent?.isDropped) span.drop();
      else sampling.ask(span, 'onStart');
    },
    ask(span, hook, first, second) {
      // Nobody is asked about what the sampler itself does to the span, or traces what else it does.
      span.sampling = null;
      let mayRetry = hook !== 'onEnd';
      let result: SamplingResult | undefined;
      try {
        result = runIn(QUIET, () => (sampler[hook] as Call | undefined)?.call(sampler, span, first, second));
      } catch {
        mayRetry = false;
      }
      if (result) mark(span, result);
      if (result?.decision === 'drop') {
        span.drop();
        return;
      }
      mayRetry &&= result?.shouldRetry !== false;
      if (mayRetry) span.sampling = sampling;
      // What is not sampled is not sent while it is open: it may be dropped.
      if (!mayRetry || span.trace.flags & FLAG_SAMPLED) hand(span);
    },
  };
  return sampling;
}

/** Spans share what they know of their trace until one of them is decided differently. */
function mark(span: UndecidedSpan, { decision, traceState: given }: SamplingResult): void {
  const { flags, traceState } = span.trace;
  const isSampled = decision === 'record_and_sample';
  const trace = {
    ...span.trace,
    flags: isSampled ? flags | FLAG_SAMPLED : flags & ~FLAG_SAMPLED,
    traceState: isSampled ? (given ?? traceState) : withThreshold(traceState, ''),
  };
  if (trace.flags !== flags || trace.traceState !== traceState) span.trace = trace;
}
