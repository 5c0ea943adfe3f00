/**
 * The active span: what a new span has as parent when nothing else is said. It holds for the synchronous part of what is
 * run in it; `tailrace/context` carries it further. `docs/context.md` says how far.
 */

import type { Span } from './span.ts';

/** Something that stands for a span and what else belongs to it. */
export interface Scope {
  readonly span: Span | null;
}

/** What code runs in. null: it was said that there is no span; undefined: nothing was said. */
export type Context = Span | Scope | null | undefined;

/** What keeps the context instead of the variable in here: an `AsyncContext.Variable`, where there is one. */
export interface ContextVariable {
  get(): Context;
  run<T>(context: Context, fn: () => T): T;
}

/** What the SDK does for itself, and the page's hooks that it calls: nothing in there is traced. */
export const QUIET: Scope = { span: null };

let current: Context;
let variable: ContextVariable | null = null;
/** The span of the event that is being dispatched, for listeners about which nothing was said. */
let eventSpan: Span | null = null;
/** Functions run in a span whose promises are pending: after their awaits nothing is said about them either. */
let pending = 0;

/** What is active now, to be run in again. */
export function activeContext(): Context {
  const said = variable ? variable.get() : current;
  if (said !== undefined) return said;
  return (variable || !pending) && eventSpan ? eventSpan : undefined;
}

export function activeSpan(): Span | null {
  const context = activeContext();
  return context && 'span' in context ? context.span : (context ?? null);
}

export function isQuiet(): boolean {
  return activeContext() === QUIET;
}

/** Makes `context` the one that is kept here, and returns the one before, to be put back. */
export function swapContext(context: Context): Context {
  const previous = current;
  current = context;
  return previous;
}

export function runIn<T>(context: Context, fn: () => T): T {
  if (variable) return variable.run(context, fn);
  const previous = swapContext(context);
  try {
    return fn();
  } finally {
    current = previous;
  }
}

/** `fn`, run in `context` whenever it is called. */
export function bindTo<A extends unknown[], R>(
  context: Context,
  fn: (...args: A) => R,
  finish = (result: R) => result,
): (...args: A) => R {
  return function (this: unknown, ...args) {
    return finish(runIn(context, () => fn.apply(this, args)));
  };
}

/**
 * Calls one of the functions when what ran in a span is over: now, or when the promise it gave is settled. Returns the
 * result, or a promise like it.
 */
export function whenOver<T>(result: T, onValue = () => {}, onError: (error: unknown) => void = onValue): T {
  if (!isThenable(result)) {
    onValue();
    return result;
  }
  pending++;
  return result.then(
    (value) => {
      pending--;
      onValue();
      return value;
    },
    (error) => {
      pending--;
      onError(error);
      throw error;
    },
  ) as T;
}

/** Gives back what ran in a span. If that is a promise, which is not ours to wait for, it counts as pending for ever. */
export function leftPending<T>(result: T): T {
  if (isThenable(result)) pending++;
  return result;
}

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Says which span's event is being dispatched, null when it is over. */
export function setEventSpan(span: Span | null): void {
  eventSpan = span;
}

/** Has contexts kept by `next`, or, with null, in here. */
export function keepContextIn(next: ContextVariable | null): void {
  variable = next;
}
