/**
 * Listeners of objects that stand for one request run in the context in which they were added. Other targets live long
 * and see events of many causes: there, an old context would be a wrong one.
 */

import { activeContext, bindTo, type Context, leftPending, runIn } from '../api/context.ts';
import { handlersOf, wrapHandler } from '../instrument/handlers.ts';
import { wrapListeners } from '../instrument/listeners.ts';

const REQUESTS = ['XMLHttpRequestEventTarget', 'FileReader', 'IDBRequest', 'IDBTransaction'];

export function carryRequests(): () => void {
  const prototypes = REQUESTS.map((name) => (globalThis as unknown as Record<string, typeof EventTarget>)[name])
    .filter((known) => typeof known === 'function')
    .map((known) => known!.prototype);
  /** By listener and target. */
  const contexts = new WeakMap<object, WeakMap<EventTarget, Context>>();
  const undo = [
    wrapListeners({
      wants(target, _, listener) {
        if (!prototypes.some((prototype) => Object.prototype.isPrototypeOf.call(prototype, target))) return false;
        const context = activeContext();
        const known = contexts.get(listener) ?? new WeakMap<EventTarget, Context>();
        contexts.set(listener, known);
        // Added in two contexts it belongs to neither.
        known.set(target, !known.has(target) || known.get(target) === context ? context : undefined);
        return true;
      },
      run(event, call, listener) {
        const context = event.currentTarget && contexts.get(listener)?.get(event.currentTarget);
        return context ? leftPending(runIn(context, call)) : call();
      },
    }),
    ...prototypes.flatMap((prototype) =>
      handlersOf(prototype).map((name) =>
        wrapHandler(prototype, name, (handler) => {
          const context = activeContext();
          return context ? bindTo(context, handler, leftPending) : handler;
        }),
      ),
    ),
  ];
  return () => {
    for (const step of undo) step();
  };
}
