/** What the edge takes out of attributes before they are stored. */

import * as v from 'valibot';
import { MAX_RULES, MAX_TEXT_CHARS } from '../policies/bounds.ts';
import { countGiven } from '../policies/given.ts';
import { patternSchema } from '../policies/pattern.ts';

const ruleSchema = v.pipe(
  v.strictObject({
    do: v.picklist(['drop', 'mask', 'hash']),
    /** The attribute's whole key. */
    key: v.optional(v.pipe(v.string(), v.maxLength(MAX_TEXT_CHARS))),
    /** Found anywhere in the key unless it says `^` or `$`. */
    pattern: v.optional(patternSchema),
  }),
  v.check((rule) => countGiven(rule, ['key', 'pattern']) === 1, 'give one of key, pattern'),
);

export const privacySchema = v.strictObject({
  /** Masks the values in query strings of the attributes that have URLs (`docs/sampling.md`). */
  scrubQueries: v.optional(v.boolean(), true),
  /** The first one that matches an attribute's key is applied. */
  rules: v.optional(v.pipe(v.array(ruleSchema), v.maxLength(MAX_RULES)), []),
});

export type PrivacyConfig = v.InferOutput<typeof privacySchema>;
