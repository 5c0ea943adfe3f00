/** The real bindings with something around each call that reaches them. */

/** Runs around a call that answers with a promise: may fail before it, after it, or look at what it answered. */
export type Around = (call: () => Promise<unknown>, what: string) => Promise<unknown>;

/** What answers at once, without going anywhere. */
const LOCAL = new Set(['prepare', 'bind']);
const originals = new WeakMap<object, object>();

/** A D1 database or an R2 bucket with `around` around each of its calls; `what` is the method's name. */
export function aroundCalls<T extends object>(binding: T, around: Around): T {
  const wrapped = new Proxy(binding, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const call = () => member.apply(target, args.map(original)) as unknown;
        if (LOCAL.has(String(name))) return aroundCalls(call() as object, around);
        return around(async () => call(), String(name));
      };
    },
  });
  originals.set(wrapped, binding);
  return wrapped;
}

/** `batch` is handed statements that were wrapped before. */
function original(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(original);
  return (typeof value === 'object' && value !== null && originals.get(value)) || value;
}
