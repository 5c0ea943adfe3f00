/**
 * The layout of the memory the page and its recorder share: a header of 32-bit words, the ring, the string table.
 * All sizes are fixed when it is created, so recording never holds more than this.
 *
 *     words 0-63  header
 *     then        the ring
 *     then        the string table
 */

import { Counters } from './counters.ts';
import { BALANCED } from './tuning.ts';

/** "TRN" in little-endian, and the version of this layout. */
export const MAGIC = 0x014e5254;

/** Header words. */
export const WORD_MAGIC = 0;
/** The ring's capacity in bytes, a power of two. */
export const WORD_CAPACITY = 1;
/** The producer's position: bytes pushed since the start, modulo 2^32. */
export const WORD_HEAD = 2;
/** Words 4 and 5 are one 64-bit word: the consumer's position, its epoch and owner. See `claim.ts`. */
export const WORD_CLAIM = 4;
/** Bytes used of the string table. */
export const WORD_STRINGS_END = 6;
/** 1 when the producer is no more. */
export const WORD_LEFT = 7;
/** 1 while the edge cannot be reached, as far as the recorder knows, and batches can be stored instead. */
export const WORD_AWAY = 15;
/** From here on are counters, see `counters.ts`. */
const WORD_COUNTERS = 16;
export const HEADER_BYTES = 256;

/** The strings of the spans that are in the ring; every batch carries them. */
export const STRING_TABLE_BYTES = 32 * 1024;

/** Allocates and marks the memory; `shared` needs a page that is cross-origin isolated. */
export function createMemory(
  shared: boolean,
  ringBytes = BALANCED.ringBytes,
  tableBytes = STRING_TABLE_BYTES,
): ArrayBufferLike {
  const bytes = HEADER_BYTES + ringBytes + tableBytes;
  const buffer = shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
  new Int32Array(buffer).set([MAGIC, ringBytes]);
  return buffer;
}

/** The header of memory that `createMemory` made. Throws when it is something else. */
export function headerOf(buffer: ArrayBufferLike): Int32Array {
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
  if (header[WORD_MAGIC] !== MAGIC) throw new Error('not a recorder');
  return header;
}

/** The counters in memory that `createMemory` made. */
export function countersOf(buffer: ArrayBufferLike): Counters {
  return new Counters(headerOf(buffer).subarray(WORD_COUNTERS));
}

/** The producer is no more: who watches its ring hears of it. */
export function markLeft(buffer: SharedArrayBuffer): void {
  const header = headerOf(buffer);
  Atomics.store(header, WORD_LEFT, 1);
  Atomics.notify(header, WORD_HEAD);
}
