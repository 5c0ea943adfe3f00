/**
 * A bounded queue of records between one producer and one consumer, over shared memory or not.
 *
 * Positions count bytes and wrap at 2^32; the capacity is a power of two, so `position & mask` is the place in the
 * ring and `(head - tail) >>> 0` the bytes in use. A record is a whole number of 32-bit words, the first of which is
 * its length in bytes. It never wraps: where it does not fit before the end, a PADDING word sends the reader to the
 * start. The head moves after the record is written, so a producer that dies halfway leaves nothing behind.
 * The tail is the low half of the claim word (`claim.ts`): it moves on release, not on reading.
 */

import { HEADER_BYTES, headerOf, WORD_CAPACITY, WORD_CLAIM, WORD_HEAD } from './memory.ts';

/** How full the ring may be for a record of each priority, as a share of its capacity. */
const SHARES = { normal: 0.7, slow: 0.9, error: 1 } as const;
export type Priority = keyof typeof SHARES;

const PADDING = -1;

export class Ring {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly #header: Int32Array;
  readonly #capacity: number;

  constructor(buffer: ArrayBufferLike) {
    this.#header = headerOf(buffer);
    this.#capacity = this.#header[WORD_CAPACITY]!;
    this.words = new Int32Array(buffer, HEADER_BYTES, this.#capacity / 4);
    this.bytes = new Uint8Array(buffer, HEADER_BYTES, this.#capacity);
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
   * Copies a record in, all or nothing: `words`, the first of which becomes its length, then `body`. False when the
   * ring is too full for that priority.
   */
  push(words: Int32Array, body: Uint8Array, priority: Priority): boolean {
    const bytes = (words.length * 4 + body.length + 3) & ~3;
    const head = this.head;
    const offset = head & (this.#capacity - 1);
    const padding = offset + bytes > this.#capacity ? this.#capacity - offset : 0;
    if (this.usedBytes + padding + bytes > this.#capacity * SHARES[priority]) return false;
    if (padding > 0) this.words[offset >> 2] = PADDING;
    const start = padding > 0 ? 0 : offset;
    words[0] = bytes;
    this.words.set(words, start >> 2);
    this.bytes.set(body, start + words.length * 4);
    Atomics.store(this.#header, WORD_HEAD, (head + padding + bytes) | 0);
    return true;
  }

  /**
   * Calls `visit` with where each record from `position` on begins, as an index into `words`, until `maxBytes` are
   * passed or there are no more; returns the position after the last. Throws when there is something else, which
   * happens when another consumer has released the records meanwhile.
   */
  read(position: number, maxBytes: number, visit: (index: number) => void): number {
    const head = this.head;
    let at = position;
    while (at !== head && (at - position) >>> 0 < maxBytes) {
      const offset = at & (this.#capacity - 1);
      const bytes = this.words[offset >> 2]!;
      if (bytes === PADDING) at = (at + this.#capacity - offset) | 0;
      else if (bytes < 4 || bytes % 4 !== 0 || bytes > (head - at) >>> 0) throw new Error('no record here');
      else {
        visit(offset >> 2);
        at = (at + bytes) | 0;
      }
    }
    return at;
  }
}
