/**
 * Carries the active span to where code goes on later. Where the browser has `AsyncContext` it does all of that itself,
 * native `await` included; elsewhere what takes a callback is patched. `docs/context.md` says what is carried how far.
 */

import { type ContextVariable, keepContextIn } from '../api/context.ts';
import { patch } from '../instrument/patch.ts';
import { bound } from './bound.ts';
import { carryFetch } from './fetch.ts';
import { carryMessages } from './messages.ts';
import { carryRequests } from './requests.ts';

declare global {
  /** https://github.com/tc39/proposal-async-context */
  var AsyncContext: { readonly Variable: new () => ContextVariable } | undefined;
}

const TIMERS = ['setTimeout', 'setInterval', 'requestAnimationFrame', 'requestIdleCallback', 'queueMicrotask'];

/** What is carried now, to be given back. */
let running: (() => void) | null = null;

/** Begins to carry; a second call changes nothing. The result ends it and puts back what was patched. */
export function carryContext(): () => void {
  running ??= begin();
  return end;
}

function end(): void {
  running?.();
  running = null;
}

function begin(): () => void {
  if (typeof globalThis.AsyncContext?.Variable === 'function') {
    keepContextIn(new globalThis.AsyncContext.Variable());
    return () => keepContextIn(null);
  }
  const undo = [...TIMERS.map(carryCallback), carryFetch(), carryRequests(), carryMessages()];
  return () => {
    for (const step of undo.splice(0)) step();
  };
}

/** A function of the platform that calls its first argument later. */
function carryCallback(name: string): () => void {
  return patch(
    globalThis as unknown as Record<string, (...args: unknown[]) => unknown>,
    name,
    (original) =>
      function (this: unknown, ...args) {
        // No more of them than there were: a function of the platform says when there are too few.
        return original.apply(
          this,
          args.map((arg, i) => (i === 0 ? bound(arg) : arg)),
        );
      },
  );
}
