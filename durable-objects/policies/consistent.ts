/** Sampling by the trace's own randomness, so that whoever samples at the same probability picks the same traces. */

import type { KeepReason } from '../../model/reasons.ts';
import { isSampled, probabilityToThreshold, type Threshold } from '../../model/sampling.ts';
import type { TraceView } from '../trace-view.ts';
import { headProbability, type Verdict } from './policy.ts';

export const NOT_SAMPLED: Verdict = { keep: false, rate: 1, reason: 'not_sampled' };

/** A probability with what is computed from it once. */
export interface Share {
  readonly probability: number;
  readonly threshold: Threshold;
  readonly kept: Verdict;
}

export function makeShare(probability: number, reason: KeepReason): Share {
  return {
    probability,
    threshold: probabilityToThreshold(probability),
    kept: { keep: true, rate: 1 / probability, reason },
  };
}

/**
 * Keeps the share of all traces that were begun. What the head left out counts: a trace of a head that lets 1 in 5
 * through is kept half as often as others by a tail that wants 1 in 10, and all are when it wants more than the head gives.
 */
export function sampleConsistently(view: TraceView, share: Share): Verdict {
  const head = headProbability(view);
  if (head >= share.probability) {
    return isSampled(view.randomHigh, view.randomLow, share.threshold) ? share.kept : NOT_SAMPLED;
  }
  return isSampled(view.randomHigh, view.randomLow, probabilityToThreshold(head))
    ? { keep: true, rate: 1 / head, reason: share.kept.reason }
    : NOT_SAMPLED;
}
