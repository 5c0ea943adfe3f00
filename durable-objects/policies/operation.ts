import * as v from 'valibot';
import { compilePattern } from '../../model/pattern.ts';
import { MAX_VALUES } from './bounds.ts';
import { byOperation, someSpan } from './by-operation.ts';
import { patternSchema } from './pattern.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';
import { place } from './root-span.ts';

const names = v.optional(v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(MAX_VALUES)));

/** Keeps every trace with a span, or whose root is, of one of these services and with one of these names, or a name like this. */
export const operation = definePolicy(
  v.pipe(
    optionsOf('operation', {
      services: names,
      names,
      pattern: v.optional(patternSchema),
      on: place,
    }),
    v.check(
      ({ services, names, pattern }) => (services ?? names ?? pattern) !== undefined,
      'give services, names, pattern or several of them',
    ),
  ),
  (options) => {
    const services = options.services && new Set(options.services);
    const names = options.names && new Set(options.names);
    const matches = options.pattern === undefined ? null : compilePattern(options.pattern);
    const passes = byOperation(
      (service, name) =>
        (!services || services.has(service)) && (!names || names.has(name)) && (!matches || matches(name)),
    );
    return condition('operation', (view) => (options.on === 'root' ? passes(view, view.root) : someSpan(view, passes)));
  },
);
