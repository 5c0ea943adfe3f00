/** Waits for an answer, but not for ever. */

/** Settles as `answer` does; rejects with `late()` when that takes longer than `ms`. */
export async function within<T>(
  ms: number,
  answer: Promise<T>,
  late: () => Error = () => new Error(`no answer within ${ms} ms`),
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
