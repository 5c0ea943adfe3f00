import * as v from 'valibot';
import { makeShare, sampleConsistently } from './consistent.ts';
import { definePolicy, optionsOf } from './policy.ts';

/** Keeps the share `probability` of all traces, the same ones that any consistent sampler would keep; drops the rest. */
export const probability = definePolicy(
  optionsOf('probability', { probability: v.pipe(v.number(), v.minValue(0), v.maxValue(1)) }),
  (options) => {
    const share = makeShare(options.probability, 'probability');
    return { judge: (view) => sampleConsistently(view, share) };
  },
);
