/** A span around a piece of a Worker's own work. */

import { activeSpan } from './active-span.ts';
import { KIND_INTERNAL, NOOP_SPAN, type RecordingSpan, type Span } from './span.ts';

/**
 * Runs `fn` in a child of the current span and returns what it returns; the span ends when `fn` has returned, or its
 * promise has settled. What `fn` throws is recorded and thrown on. Outside a traced request `fn` just runs.
 */
export function withSpan<T>(name: string, fn: (span: Span) => T): T {
  const active = activeSpan.getStore();
  const span = active?.trace.startSpan(name, KIND_INTERNAL, active.span, 'tailrace');
  if (!active || !span) return fn(NOOP_SPAN);
  return activeSpan.run({ trace: active.trace, span }, () => {
    let result: T;
    try {
      result = fn(span);
    } catch (error) {
      fail(span, error);
      throw error;
    }
    if (!isThenable(result)) {
      span.end();
      return result;
    }
    return result.then(
      (value) => {
        span.end();
        return value;
      },
      (error: unknown) => {
        fail(span, error);
        throw error;
      },
    ) as T;
  });
}

function fail(span: RecordingSpan, error: unknown): void {
  span.fail(error);
  span.end();
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
