/**
 * A bounded queue of records between one producer and one consumer, over shared memory or not.
 *
 * Positions count bytes and wrap at 2^32; the capacity is a power of two, so `position & mask` is the place in the
 * ring and `(head - tail) >>> 0` the bytes in use. A record is a whole number of 32-bit words, the first of which is
 * its length in bytes. It never wraps: where it does not fit before the end, a PADDING word sends the reader to the
 * start. The head moves after the record is written, so a producer that dies halfway leaves nothing behind.
 * The tail is the low half of the claim word (`claim.ts`): it moves on release, not on reading.
 */

import { HEADER_WORDS, headerOf, WORD_CAPACITY, WORD_CLAIM, WORD_HEAD } from './memory.ts';

/** How full the ring may be for a record of each priority, as a share of its capacity. */
const SHARES = { normal: 0.7, slow: 0.9, error: 1 } as const;
export type Priority = keyof typeof SHARES;

const PADDING = -1;
/** A record takes at most this share of the ring. */
const MAX_RECORD_SHARE = 1 / 8;

export class Ring {
  readonly capacity: number;
  readonly words: Int32Array;
  readonly #header: Int32Array;
  readonly #mask: number;

  constructor(buffer: ArrayBufferLike) {
    this.#header = headerOf(buffer);
    this.capacity = this.#header[WORD_CAPACITY]!;
    this.#mask = this.capacity - 1;
    if (this.capacity < 64 || (this.capacity & this.#mask) !== 0) throw new Error('capacity is not a power of two');
    this.words = new Int32Array(buffer, HEADER_WORDS * 4, this.capacity / 4);
  }

  get maxRecordWords(): number {
    return (this.capacity * MAX_RECORD_SHARE) / 4;
  }

  /** The producer's position. */
  get head(): number {
    return Atomics.load(this.#header, WORD_HEAD);
  }

  /** Bytes that are not released, padding included. */
  get usedBytes(): number {
    return (this.head - Atomics.load(this.#header, WORD_CLAIM)) >>> 0;
  }

  /**
   * Copies `length` words of `record` in, all or nothing. False when the ring is too full for that priority.
   * `record[0]` must be the record's length in bytes, and `length` at most `maxRecordWords`.
   */
  push(record: Int32Array, length: number, priority: Priority): boolean {
    const head = this.#header[WORD_HEAD]!;
    const bytes = length * 4;
    const offset = head & this.#mask;
    const padding = offset + bytes > this.capacity ? this.capacity - offset : 0;
    if (this.usedBytes + padding + bytes > this.capacity * SHARES[priority]) return false;
    if (padding > 0) this.words[offset >> 2] = PADDING;
    const { words } = this;
    const start = padding > 0 ? 0 : offset >> 2;
    for (let i = 0; i < length; i++) words[start + i] = record[i]!;
    Atomics.store(this.#header, WORD_HEAD, (head + padding + bytes) | 0);
    return true;
  }

  /**
   * Where the record at `position` begins, as an index into `words`, and the position after it; null at `end`.
   * Throws when there is no record there, which happens when another consumer has released it meanwhile.
   */
  recordAt(position: number, end: number): { readonly index: number; readonly next: number } | null {
    let at = position;
    if (at !== end && this.words[(at & this.#mask) >> 2] === PADDING) at = (at + this.capacity - (at & this.#mask)) | 0;
    if (at === end) return null;
    const index = (at & this.#mask) >> 2;
    const bytes = this.words[index]!;
    if (bytes < 4 || bytes % 4 !== 0 || bytes > (end - at) >>> 0) throw new Error('no record at this position');
    return { index, next: (at + bytes) | 0 };
  }
}
