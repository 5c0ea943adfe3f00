/**
 * Listeners of objects that stand for one request run in the context in which they were added, if that is also the one in
 * which the request was sent: it may be sent again. Other targets live long and see events of many causes: there, an old
 * context would be a wrong one.
 */

import { activeContext, type Context, leftPending, runIn } from '../api/context.ts';
import { handlersOf, wrapHandler } from '../instrument/handlers.ts';
import { wrapListeners } from '../instrument/listeners.ts';
import { patch } from '../instrument/patch.ts';

const REQUESTS = ['XMLHttpRequestEventTarget', 'FileReader', 'IDBRequest', 'IDBTransaction'];

/** What sends those that can be sent again. */
const SENDING: Readonly<Record<string, readonly string[]>> = {
  XMLHttpRequest: ['send'],
  FileReader: ['readAsArrayBuffer', 'readAsBinaryString', 'readAsDataURL', 'readAsText'],
};

type Methods = Record<string, (...args: unknown[]) => unknown>;

const prototypesOf = (names: readonly string[]) =>
  names
    .map((name) => (globalThis as unknown as Record<string, typeof EventTarget>)[name]?.prototype)
    .filter((known) => known !== undefined);

export function carryRequests(): () => void {
  const prototypes = prototypesOf(REQUESTS);
  /** Where each was last sent. */
  const sent = new WeakMap<object, Context>();
  const send = (original: Methods[string]) =>
    function (this: { readonly upload?: object }, ...args: unknown[]) {
      for (const target of [this, this.upload]) if (target) sent.set(target, activeContext());
      return original.apply(this, args);
    };
  const run = (event: Event, context: Context, call: () => unknown) => {
    const target = event.currentTarget!;
    const isSame = !sent.has(target) || sent.get(target) === context;
    return context && isSame ? leftPending(runIn(context, call)) : call();
  };
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
      run: (event, call, listener) => run(event, contexts.get(listener)?.get(event.currentTarget!), call),
    }),
    ...Object.entries(SENDING).flatMap(([name, methods]) =>
      prototypesOf([name]).flatMap((prototype) =>
        methods.map((method) => patch(prototype as unknown as Methods, method, send)),
      ),
    ),
    ...prototypes.flatMap((prototype) =>
      handlersOf(prototype).map((name) =>
        wrapHandler(prototype, name, (handler) => {
          const context = activeContext();
          if (!context) return handler;
          return function (this: unknown, event) {
            return run(event, context, () => handler.call(this, event));
          };
        }),
      ),
    ),
  ];
  return () => {
    for (const step of undo) step();
  };
}
