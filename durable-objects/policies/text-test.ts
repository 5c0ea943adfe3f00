/** What a text can be tested for. */

import * as v from 'valibot';
import { compilePattern } from '../../model/pattern.ts';
import { MAX_MATCHED_CHARS, MAX_VALUES } from './bounds.ts';
import { countGiven } from './given.ts';
import { patternSchema } from './pattern.ts';

export const TEXT_TESTS = {
  equals: v.optional(v.string()),
  in: v.optional(v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(MAX_VALUES))),
  /** Found anywhere in the text unless it says `^` or `$`; tried on the first 1,024 characters. */
  pattern: v.optional(patternSchema),
  /** There is such a text, whatever it says. */
  exists: v.optional(v.literal(true)),
};

export type TextTests = v.InferOutput<v.StrictObjectSchema<typeof TEXT_TESTS, undefined>>;

export const hasOneTextTest = (options: object) => countGiven(options, ['equals', 'in', 'pattern', 'exists']) === 1;
export const ONE_TEXT_TEST = 'give one of equals, in, pattern, exists';

export function compileTextTest(tests: TextTests): (value: string) => boolean {
  if (tests.equals !== undefined) return (value) => value === tests.equals;
  if (tests.in !== undefined) {
    const values = new Set(tests.in);
    return (value) => values.has(value);
  }
  if (tests.pattern === undefined) return () => true;
  const matches = compilePattern(tests.pattern);
  // Spans of one trace often say the same.
  let last: string | null = null;
  let lastMatches = false;
  return (value) => {
    if (value === last) return lastMatches;
    last = value;
    lastMatches = matches(value.length > MAX_MATCHED_CHARS ? value.slice(0, MAX_MATCHED_CHARS) : value);
    return lastMatches;
  };
}
