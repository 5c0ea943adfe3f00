/** Random 32-bit words for ids, from a pool: one getRandomValues call costs as much as many spans. */

const POOL_WORDS = 1024;

let pool: Int32Array<ArrayBuffer> | undefined;
let used = POOL_WORDS;

/** A random word that is not 0, so that an id made of such words is never "no id". */
export function randomWord(): number {
  if (used === POOL_WORDS) {
    pool ??= new Int32Array(POOL_WORDS);
    crypto.getRandomValues(pool);
    used = 0;
  }
  return pool![used++] || randomWord();
}

/** Big-endian words, each as 8 hex digits. */
export function wordsToHex(words: readonly number[]): string {
  return words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Groups of 8 hex digits as big-endian words; `hex` must be well-formed. */
export function hexToWords(hex: string): number[] {
  return (hex.match(/.{8}/g) ?? []).map((digits) => Number.parseInt(digits, 16) | 0);
}
