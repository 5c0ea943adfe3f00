/**
 * The layout of the memory the page and its recorder share: a header of 32-bit words, the ring, the string area.
 * All sizes are fixed when it is created, so recording never allocates more than this.
 *
 *     words 0-63  header
 *     then        the ring, RING_BYTES
 *     then        the string area, STRING_CHARS 16-bit units
 */

export const MAGIC = 0x474e5254; // "TRNG" in little-endian
export const VERSION = 1;

/** Header words. */
export const WORD_MAGIC = 0;
export const WORD_VERSION = 1;
/** The ring's capacity in bytes, a power of two. */
export const WORD_CAPACITY = 2;
/** The string area's size in 16-bit units. */
export const WORD_STRING_CHARS = 3;
/** The producer's position: bytes pushed since the start, modulo 2^32. */
export const WORD_HEAD = 4;
/** Words 6 and 7 are one 64-bit word: the consumer's position, its epoch and owner. See `claim.ts`. */
export const WORD_CLAIM = 6;
/** Counts how often the string area started over. */
export const WORD_STRING_EPOCH = 8;
/** Words 16 to 63 are counters, see `counters.ts`. */
export const WORD_COUNTERS = 16;
export const HEADER_WORDS = 64;

/** Holds 1,000 spans of 700 bytes below the mark where ordinary spans are dropped. */
export const RING_BYTES = 1024 * 1024;
/** 128 KiB. */
export const STRING_CHARS = 64 * 1024;

/** Allocates and marks the memory; `shared` needs a page that is cross-origin isolated. */
export function createMemory(shared: boolean, ringBytes = RING_BYTES, stringChars = STRING_CHARS): ArrayBufferLike {
  const bytes = HEADER_WORDS * 4 + ringBytes + stringChars * 2;
  const buffer = shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  const header = new Int32Array(buffer, 0, HEADER_WORDS);
  header.set([MAGIC, VERSION, ringBytes, stringChars]);
  return buffer;
}

/** The header of memory that `createMemory` made. Throws when it is something else. */
export function headerOf(buffer: ArrayBufferLike): Int32Array {
  const header = new Int32Array(buffer, 0, HEADER_WORDS);
  if (header[WORD_MAGIC] !== MAGIC) throw new Error('not the memory of a recorder');
  if (header[WORD_VERSION] !== VERSION) throw new Error(`recorder memory version ${header[WORD_VERSION]} is not known`);
  return header;
}
