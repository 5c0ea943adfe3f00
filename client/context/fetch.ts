/** What is chained to a `fetch` runs in the context it was chained in: `fetch(url).then(parse).then(show)`. */

import { patch } from '../instrument/patch.ts';
import { bound } from './bound.ts';

export function carryFetch(): () => void {
  return patch(
    globalThis,
    'fetch',
    (original) =>
      function (this: unknown, ...args) {
        return carryThen(original.apply(this as never, args));
      },
  );
}

/**
 * Gives this promise, and those that come of it, a `then` of its own; `catch` and `finally` call it. `await` does not:
 * a patched `Promise.prototype` would not help it either, and would slow down everybody's promises.
 */
function carryThen<T>(promise: Promise<T>): Promise<T> {
  // Somebody else's fetch may give anything.
  if (!(promise instanceof Promise) || !Object.isExtensible(promise)) return promise;
  const original = promise.then;
  Object.defineProperty(promise, 'then', {
    configurable: true,
    writable: true,
    value(...callbacks: (((value: unknown) => unknown) | undefined)[]) {
      return carryThen(original.apply(promise, callbacks.map(bound) as never));
    },
  });
  return promise;
}
