import * as v from 'valibot';
import { condition, definePolicy, optionsOf, text } from './policy.ts';
import { compileTextTest, hasOneTextTest, ONE_TEXT_TEST, TEXT_TESTS } from './text-test.ts';

/** Keeps every trace with a span whose W3C tracestate has an entry `key` with a value that passes the test. */
export const traceState = definePolicy(
  v.pipe(
    optionsOf('trace_state', { key: text, ...TEXT_TESTS }),
    v.check((options) => hasOneTextTest(options), ONE_TEXT_TEST),
  ),
  (options) => {
    const passes = compileTextTest(options);
    return condition('trace_state', (view) =>
      view.decoded().some(({ traceState }) => {
        const value = traceState === undefined ? null : entryOf(traceState, options.key);
        return value !== null && passes(value);
      }),
    );
  },
);

/** The value of an entry (https://www.w3.org/TR/trace-context/#tracestate-header), or null. */
function entryOf(traceState: string, key: string): string | null {
  for (const part of traceState.split(',')) {
    const at = part.indexOf('=');
    if (at >= 0 && part.slice(0, at).trim() === key) return part.slice(at + 1).trim();
  }
  return null;
}
