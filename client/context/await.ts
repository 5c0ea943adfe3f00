/**
 * What the build plugin adds to async functions calls this: the context a function began in is put back after each of
 * its awaits, and taken away again before it waits, so that nobody else's code ever runs in it.
 */

import { activeContext, type Context, swapContext } from '../api/context.ts';

export interface Frame {
  /** Before the function waits; gives back what it is given. */
  leave<T>(value: T): T;
  /** After it has waited, and at the start of each `catch` and `finally`; gives back what it is given. */
  enter<T>(value?: T): T;
  /** For `for await`: a loop waits by itself. */
  each<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterable<Awaited<T>>;
}

/** To be called when an async function begins. */
export function frame(): Frame {
  const own = activeContext();
  let outside: Context;
  let isInside = true;
  // Called in it: to leave for the first time changes nothing.
  outside = swapContext(own);
  swapContext(outside);

  function leave<T>(value: T): T {
    if (isInside) swapContext(outside);
    isInside = false;
    return value;
  }

  function enter<T>(value?: T): T {
    if (!isInside) outside = swapContext(own);
    isInside = true;
    return value as T;
  }

  return {
    leave,
    enter,
    each: (items) => ({
      [Symbol.asyncIterator]() {
        const iterator = iterate(items);
        return {
          next: (...args) => leave(iterator.next(...args)),
          return: (value) => leave(iterator.return ? iterator.return(value) : Promise.resolve({ done: true, value })),
        };
      },
    }),
  };
}

function iterate<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterator<Awaited<T>> {
  const asyncItems = items as Partial<AsyncIterable<Awaited<T>>>;
  if (asyncItems[Symbol.asyncIterator]) return asyncItems[Symbol.asyncIterator]!();
  return (async function* () {
    yield* items;
  })() as AsyncIterator<Awaited<T>>;
}
