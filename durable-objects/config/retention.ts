/** How long kept traces are stored, by class; each class includes the shorter ones. */

import * as v from 'valibot';
import { MAX_MEMBERS } from '../policies/bounds.ts';
import { conditionSchema } from '../policies/registry.ts';

const days = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3_650));
const conditions = v.pipe(v.array(conditionSchema), v.maxLength(MAX_MEMBERS));

export const retentionSchema = v.pipe(
  v.strictObject({
    /** Every kept trace. */
    hotDays: v.optional(days, 7),
    /** What any of these conditions matches; by default errors, slow ones and critical ones. */
    warm: v.optional(v.strictObject({ when: v.optional(conditions) }), {}),
    warmDays: v.optional(days, 90),
    /** The same, by default errors, and a random sample of all kept traces. */
    cold: v.optional(
      v.strictObject({
        when: v.optional(conditions, [{ type: 'error' }]),
        sample: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.001),
      }),
      {},
    ),
    coldDays: v.optional(days, 365),
  }),
  v.forward(
    v.check(({ hotDays, warmDays }) => warmDays >= hotDays, 'is less than hotDays'),
    ['warmDays'],
  ),
  v.forward(
    v.check(({ warmDays, coldDays }) => coldDays >= warmDays, 'is less than warmDays'),
    ['coldDays'],
  ),
);
