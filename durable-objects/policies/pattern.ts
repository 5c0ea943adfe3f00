/** A regular expression in a configuration. */

import * as v from 'valibot';
import { MAX_PATTERN_CHARS } from '../../model/limits.ts';
import { compilePattern } from '../../model/pattern.ts';
import { PatternError } from '../../model/pattern-syntax.ts';

/** A pattern that compiles. */
export const patternSchema = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(MAX_PATTERN_CHARS),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value.length > MAX_PATTERN_CHARS) return;
    try {
      compilePattern(dataset.value);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      addIssue({ message: error.message });
    }
  }),
);
