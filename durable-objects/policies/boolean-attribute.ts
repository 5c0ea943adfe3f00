import * as v from 'valibot';
import { ATTRIBUTE, someAttribute } from './attribute-values.ts';
import { countGiven } from './given.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';

const TESTS = { equals: v.optional(v.boolean()), exists: v.optional(v.literal(true)) };

/** Keeps every trace with a true or false as attribute, of a span or its resource, that passes the test. */
export const booleanAttribute = definePolicy(
  v.pipe(
    optionsOf('boolean_attribute', { ...ATTRIBUTE, ...TESTS }),
    v.check((options) => countGiven(options, ['equals', 'exists']) === 1, 'give one of equals, exists'),
  ),
  ({ key, on, equals }) =>
    condition('attribute', (view) =>
      someAttribute(view, on, key, (value) => (equals === undefined ? typeof value === 'boolean' : value === equals)),
    ),
);
