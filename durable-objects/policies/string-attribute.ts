import * as v from 'valibot';
import { ATTRIBUTE, someAttribute } from './attribute-values.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';
import { compileTextTest, hasOneTextTest, ONE_TEXT_TEST, TEXT_TESTS } from './text-test.ts';

/** Keeps every trace with a text attribute, of a span or its resource, that passes the test. */
export const stringAttribute = definePolicy(
  v.pipe(
    optionsOf('string_attribute', { ...ATTRIBUTE, ...TEXT_TESTS }),
    v.check((options) => hasOneTextTest(options), ONE_TEXT_TEST),
  ),
  (options) => {
    const passes = compileTextTest(options);
    return condition('attribute', (view) =>
      someAttribute(view, options.on, options.key, (value) => typeof value === 'string' && passes(value)),
    );
  },
);
