import { probability } from './probability.ts';
import { RECORD_FOR_NOW, type SampledSpan, type Sampler, type SamplingResult } from './sampler.ts';

export interface Route {
  /** The span's name; with a `*` at its end, what the name begins with. */
  readonly name: string;
  /** 0 to 1. */
  readonly probability: number;
}

/**
 * Samples each route with a probability of its own: the first one that has the span's name, else `otherwise`. A span that
 * gets a better name is decided again, so nothing is dropped before it ends. Meant for roots: put it in `parentBased`.
 */
export function perRoute(routes: readonly Route[], otherwise: number): Sampler {
  const samplers = routes.map(({ name, probability: share }) => ({ has: matcher(name), sampler: probability(share) }));
  const other = probability(otherwise);
  const decide = (span: SampledSpan): SamplingResult =>
    (samplers.find(({ has }) => has(span.name))?.sampler ?? other).onStart(span)!;
  const decideForNow = (span: SampledSpan): SamplingResult => {
    const result = decide(span);
    return result.decision === 'drop' ? RECORD_FOR_NOW : { ...result, shouldRetry: true };
  };
  return { onStart: decideForNow, onUpdateName: decideForNow, onEnd: decide };
}

function matcher(name: string): (given: string) => boolean {
  const start = name.endsWith('*') ? name.slice(0, -1) : null;
  return (given) => (start === null ? given === name : given.startsWith(start));
}
