import * as v from 'valibot';
import { MAX_VALUES } from './bounds.ts';
import { byOperation, someSpan } from './by-operation.ts';
import { condition, definePolicy, optionsOf, text } from './policy.ts';

const agreement = v.strictObject({
  /** Any service's operation of this name, where none is given. */
  service: v.optional(text),
  operation: text,
  maxMs: v.pipe(v.number(), v.minValue(0)),
});

/** Keeps every trace with an ended span that took longer than was agreed for its operation. Of several agreements the shortest counts. */
export const sla = definePolicy(
  optionsOf('sla', { operations: v.pipe(v.array(agreement), v.minLength(1), v.maxLength(MAX_VALUES)) }),
  ({ operations }) => {
    const maxUs = byOperation((service, name) =>
      operations
        .filter((agreed) => agreed.operation === name && (agreed.service ?? service) === service)
        .reduce((least, { maxMs }) => Math.min(least, maxMs * 1000), Number.POSITIVE_INFINITY),
    );
    return condition('sla', (view) =>
      someSpan(view, (_, i) => {
        const endUs = view.endUsOf(i);
        return endUs !== 0 && endUs - view.startUsOf(i) > maxUs(view, i);
      }),
    );
  },
);
