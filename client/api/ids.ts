/** Random ids from a pool: one getRandomValues call costs as much as many spans. */

const POOL_BYTES = 4096;

let pool: Uint8Array | undefined;
let used = POOL_BYTES;

/** `length` random bytes, at most 16, not all zero. */
export function randomBytes(length: number): Uint8Array {
  pool ??= new Uint8Array(POOL_BYTES);
  if (used + length > POOL_BYTES) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + length);
  used += length;
  // One id in 2^64 would be all zero, which means "no id".
  bytes[0]! |= 1;
  return bytes;
}
