/** Event handlers that are properties: `request.onload = …`. */

type Handler = (this: unknown, event: Event) => unknown;

/** Has `wrap` change every handler that is set as `name` on objects of this prototype; reading gives what was set. */
export function wrapHandler(prototype: object, name: string, wrap: (handler: Handler) => Handler): () => void {
  const own = Object.getOwnPropertyDescriptor(prototype, name);
  const { get, set } = own ?? {};
  if (!get || !set) return () => {};
  /** What was set, by what was put in its place. */
  const originals = new WeakMap<Handler, Handler>();
  let isOn = true;
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
  // False where it cannot be changed.
  const put = (to: PropertyDescriptor) => Reflect.defineProperty(prototype, name, to);
  put(ours);
  return () => {
    isOn = false;
    if (Object.getOwnPropertyDescriptor(prototype, name)?.set === ours.set) put(own!);
  };
}

/** The names of all handlers that objects of this prototype have. */
export function handlersOf(prototype: object): string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => name.startsWith('on'));
}
