/** Puts a function of ours in a function's place, in a way that can always be taken back. */

// biome-ignore lint/suspicious/noExplicitAny: whatever the platform's functions take.
type Any = any;
type AnyFunction = (this: Any, ...args: Any[]) => Any;

/**
 * Replaces `target[name]` by what `wrap` makes of it. The result takes that back: where somebody has wrapped ours
 * meanwhile, theirs stays, and ours does nothing but call the original. What cannot be written is left alone.
 */
export function patch<N extends string, T extends { [K in N]?: Any }>(
  target: T,
  name: N,
  wrap: (original: NonNullable<T[N]>) => NonNullable<T[N]>,
): () => void {
  const original = target[name] as AnyFunction;
  if (!original) return () => {};
  const wrapped: AnyFunction = wrap(original as NonNullable<T[N]>);
  let isOn = true;
  const ours: AnyFunction = function (...args) {
    return (isOn ? wrapped : original).apply(this, args);
  };
  const put = (value: Any) => {
    try {
      target[name] = value;
    } catch {
      // Frozen: it stays as it is.
    }
  };
  put(ours);
  return () => {
    isOn = false;
    if (target[name] === ours) put(original);
  };
}
