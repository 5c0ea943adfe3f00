/** Event handlers that are properties: `request.onload = …`. */

type Handler = (this: unknown, event: Event) => unknown;

/** Has `wrap` change every handler that is set on objects of this prototype; reading gives what was set. */
export function wrapHandlers(prototype: object, wrap: (handler: Handler) => Handler): () => void {
  const undo: (() => void)[] = [];
  let isOn = true;
  for (const [name, own] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const { get, set, configurable } = own;
    if (!name.startsWith('on') || !get || !set || !configurable) continue;
    /** What was set, by what was put in its place. */
    const originals = new WeakMap<Handler, Handler>();
    const ours: PropertyDescriptor = {
      ...own,
      get() {
        const handler = get.call(this);
        return originals.get(handler) ?? handler;
      },
      set(handler) {
        const wrapped = isOn && typeof handler === 'function' ? wrap(handler) : handler;
        if (wrapped !== handler) originals.set(wrapped, handler);
        set.call(this, wrapped);
      },
    };
    try {
      Object.defineProperty(prototype, name, ours);
    } catch {
      continue;
    }
    undo.push(() => {
      const now = Object.getOwnPropertyDescriptor(prototype, name);
      if (now?.set === ours.set) Object.defineProperty(prototype, name, own);
    });
  }
  return () => {
    isOn = false;
    for (const step of undo) step();
  };
}
