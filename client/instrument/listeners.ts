/** Runs listeners of some events in a way of ours. */

import { patch } from './patch.ts';

export interface ListenerRule {
  /** Whether listeners of this type at this target are meant; says so once each time one is added. */
  wants(target: EventTarget, type: string, listener: object): boolean;
  /** Calls `call`, which calls the listener. */
  run(event: Event, call: () => unknown, listener: object): unknown;
}

/**
 * Applies the rule to every listener that is added from now on. The result ends that; while listeners that were added
 * meanwhile are there, `removeEventListener` goes on finding them.
 */
export function wrapListeners(rule: ListenerRule): () => void {
  const { prototype } = EventTarget;
  const remove = prototype.removeEventListener;
  const wrappers = new WeakMap<object, EventListener>();
  let isOn = true;
  let isUsed = false;

  function wrapperOf(listener: EventListenerOrEventListenerObject): EventListener {
    let wrapper = wrappers.get(listener);
    if (!wrapper) {
      wrapper = function (this: unknown, event: Event) {
        const call = () =>
          typeof listener === 'function' ? listener.call(this as never, event) : listener.handleEvent(event);
        return isOn ? rule.run(event, call, listener) : call();
      };
      wrappers.set(listener, wrapper);
      isUsed = true;
    }
    return wrapper;
  }

  const undoAdd = patch(
    prototype,
    'addEventListener',
    (original) =>
      function (this: EventTarget, type, listener, ...rest) {
        if (!listener || !rule.wants(this ?? globalThis, type, listener))
          return original.call(this, type, listener, ...rest);
        // Added before we were here, and now again, it is still to be called once.
        remove.call(this, type, listener, ...rest);
        return original.call(this, type, wrapperOf(listener), ...rest);
      },
  );
  const undoRemove = patch(
    prototype,
    'removeEventListener',
    (original) =>
      function (this: EventTarget, type, listener, ...rest) {
        const wrapper = listener && wrappers.get(listener);
        if (wrapper) original.call(this, type, wrapper, ...rest);
        // It may have been added before.
        return original.call(this, type, listener, ...rest);
      },
  );
  return () => {
    isOn = false;
    undoAdd();
    if (!isUsed) undoRemove();
  };
}
