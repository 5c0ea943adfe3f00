/** Puts a function of ours in a function's place, in a way that can always be taken back. */

// biome-ignore lint/suspicious/noExplicitAny: whatever the platform's functions take.
type Any = any;
type AnyFunction = (this: Any, ...args: Any[]) => Any;

/** Those of ours that are over, and what they were put in the place of. */
const over = new WeakMap<AnyFunction, AnyFunction>();

/**
 * Replaces `target[name]` by what `wrap` makes of it. The result takes that back, with all of ours that are over by then: where
 * somebody has wrapped ours meanwhile, theirs stays, and ours does nothing but call the original. What cannot be written is
 * left alone.
 */
export function patch<N extends string, T extends { [K in N]?: Any }>(
  target: T,
  name: N,
  wrap: (original: NonNullable<T[N]>) => NonNullable<T[N]>,
): () => void {
  const original = target[name] as AnyFunction;
  if (!original) return () => {};
  const wrapped: AnyFunction = wrap(original as NonNullable<T[N]>);
  const { ours }: { ours: AnyFunction } = {
    ours(...args) {
      return (over.has(ours) ? original : wrapped).apply(this, args);
    },
  };
  // Others read what is on it: its name, its length, what they have added to it.
  Object.defineProperties(ours, Object.getOwnPropertyDescriptors(original));
  const put = (value: Any) => {
    try {
      target[name] = value;
    } catch {
      // Frozen: it stays as it is.
    }
  };
  put(ours);
  return () => {
    over.set(ours, original);
    let before: Any = target[name];
    while (over.has(before)) before = over.get(before);
    if (before !== target[name]) put(before);
  };
}
