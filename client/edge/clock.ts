/** The only file of the edge SDK that reads the clock, randomness and waits. */

/** Microseconds since the Unix epoch. The Workers clock has millisecond steps, and moves only at I/O. */
export function nowUs(): number {
  return Date.now() * 1_000;
}

/** Uniform in [0, 1). */
export function random(): number {
  return Math.random();
}

/** Random bytes that are not all zero, as ids have to be. */
export function randomId(length: number): Uint8Array {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  if (bytes.every((byte) => byte === 0)) bytes[0] = 1;
  return bytes;
}

/** Resolves after `delayMs`; 0 lets everything that is ready run first. */
export function wait(delayMs: number): Promise<void> {
  return scheduler.wait(delayMs);
}
