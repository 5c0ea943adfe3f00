import { isSampled } from '../../model/sampling.ts';
import type { Policy } from './policy.ts';

/** Keeps the share `probability` of all traces, the same ones that any consistent sampler would keep; drops the rest. */
export const probability: Policy = ({ traceId, config }) =>
  isSampled(traceId, config.probability)
    ? { keep: true, rate: 1 / config.probability, reason: 'probability' }
    : { keep: false, rate: 1, reason: 'not_sampled' };
