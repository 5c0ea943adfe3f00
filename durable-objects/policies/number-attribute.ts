import * as v from 'valibot';
import { ATTRIBUTE, someAttribute } from './attribute-values.ts';
import { MAX_VALUES } from './bounds.ts';
import { countGiven } from './given.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';

const TESTS = {
  equals: v.optional(v.number()),
  in: v.optional(v.pipe(v.array(v.number()), v.minLength(1), v.maxLength(MAX_VALUES))),
  /** From `min` to `max`, both included; one is enough. */
  min: v.optional(v.number()),
  max: v.optional(v.number()),
  exists: v.optional(v.literal(true)),
};

/** Keeps every trace with a number as attribute, of a span or its resource, that passes the test. */
export const numberAttribute = definePolicy(
  v.pipe(
    optionsOf('number_attribute', { ...ATTRIBUTE, ...TESTS }),
    v.check((options) => {
      const isRange = options.min !== undefined || options.max !== undefined;
      return countGiven(options, ['equals', 'in', 'exists']) + Number(isRange) === 1;
    }, 'give one of equals, in, exists, or a range of min, max or both'),
  ),
  (options) => {
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = options;
    const values = options.equals === undefined ? options.in && new Set(options.in) : new Set([options.equals]);
    const passes = values ? (value: number) => values.has(value) : (value: number) => value >= min && value <= max;
    return condition('attribute', (view) =>
      someAttribute(view, options.on, options.key, (value) => typeof value === 'number' && passes(value)),
    );
  },
);
