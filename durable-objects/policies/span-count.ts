import * as v from 'valibot';
import { condition, definePolicy, optionsOf } from './policy.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(1));

/** Keeps every trace with at least `min` and at most `max` spans. */
export const spanCount = definePolicy(
  v.pipe(
    optionsOf('span_count', { min: v.optional(count), max: v.optional(count) }),
    v.check(({ min, max }) => min !== undefined || max !== undefined, 'give min, max or both'),
  ),
  ({ min = 0, max = Number.POSITIVE_INFINITY }) =>
    condition('span_count', (view) => view.spanCount >= min && view.spanCount <= max),
);
