/** Asks another sampler as the SDK would: not again when it is decided, and never after a drop. */

import { DROP, type Hook, RECORD, type SampledSpan, type Sampler, type SamplingResult } from './sampler.ts';

type Ask = (hook: Hook, span: SampledSpan, first?: unknown, second?: unknown) => SamplingResult;

/** Makes the function that asks `inner`; it answers what stands. */
export function follower(inner: Sampler): Ask {
  const standing = new WeakMap<SampledSpan, SamplingResult>();
  return (hook, span, first, second) => {
    const before = standing.get(span);
    if (before && !before.shouldRetry) return before;
    const ask = inner[hook] as ((...what: unknown[]) => SamplingResult | undefined) | undefined;
    const answer = ask?.call(inner, span, first, second) ?? before ?? RECORD;
    const result = answer.decision === 'drop' ? DROP : answer;
    standing.set(span, result);
    return result;
  };
}
