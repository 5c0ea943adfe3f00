import * as v from 'valibot';
import { STATUS_CODES } from '../../model/span.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';
import { place, spansAt } from './root-span.ts';

/** Keeps every trace with a span, or whose root has, one of these statuses. `error` alone needs no decoding. */
export const status = definePolicy(
  optionsOf('status', {
    in: v.pipe(v.array(v.picklist(STATUS_CODES)), v.minLength(1)),
    on: place,
  }),
  (options) => {
    const codes = new Set(options.in);
    if (codes.size === STATUS_CODES.length) return condition('status', () => true);
    if (codes.size === 1 && codes.has('error')) {
      return condition('status', (view) => (options.on === 'any' ? view.errorCount > 0 : view.isError(view.root)));
    }
    return condition('status', (view) => spansAt(view, options.on).some((span) => codes.has(span.status.code)));
  },
);
