/** Random 32-bit words for ids, from a pool: one getRandomValues call costs as much as many spans. */

const POOL_WORDS = 1024;

let pool: Int32Array<ArrayBuffer> | undefined;
let used = POOL_WORDS;

/** A random word that is not 0, so that an id made of such words is never "no id". */
export function randomWord(): number {
  for (;;) {
    if (used === POOL_WORDS) {
      pool ??= new Int32Array(POOL_WORDS);
      crypto.getRandomValues(pool);
      used = 0;
    }
    const word = pool![used++]!;
    if (word !== 0) return word;
  }
}

/** A big-endian word as 8 hex digits. */
export function wordToHex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** 8 hex digits at `index` of `hex` as a big-endian word. */
export function hexToWord(hex: string, index: number): number {
  return Number.parseInt(hex.slice(8 * index, 8 * index + 8), 16) | 0;
}

/** Pairs of hex digits as bytes; `hex` must be well-formed. */
export function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
