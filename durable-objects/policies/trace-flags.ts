import * as v from 'valibot';
import { condition, definePolicy, optionsOf } from './policy.ts';

/** Keeps every trace with a span whose W3C trace flags have all bits of `mask`, 1 to 255: by itself 1, which is `sampled`. */
export const traceFlags = definePolicy(
  optionsOf('trace_flags', { mask: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(255)), 1) }),
  ({ mask }) =>
    condition('trace_flags', (view) => view.decoded().some(({ traceFlags = 0 }) => (traceFlags & mask) === mask)),
);
