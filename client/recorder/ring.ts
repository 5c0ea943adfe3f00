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

export interface Ring {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Bytes that are not released, padding included. */
  readonly usedBytes: number;
  /**
   * Copies a record of `bytes` bytes in, all or nothing; its first word becomes its length in the ring. False when the
   * ring is too full for that priority.
   */
  push(record: Int32Array, bytes: number, priority: Priority): boolean;
  /**
   * Calls `visit` with where each record from `position` on begins, as an index into `words`, until `maxBytes` are
   * passed or there are no more; returns the position after the last. Throws when there is something else, which
   * happens when another consumer has released the records meanwhile.
   */
  read(position: number, maxBytes: number, visit: (index: number) => void): number;
}

/** The ring in memory that `createMemory` made. */
export function createRing(buffer: ArrayBufferLike): Ring {
  const header = headerOf(buffer);
  const capacity = header[WORD_CAPACITY]!;
  const words = new Int32Array(buffer, HEADER_BYTES, capacity / 4);
  const bytes = new Uint8Array(buffer, HEADER_BYTES, capacity);
  /** The producer's position. */
  const head = () => Atomics.load(header, WORD_HEAD);
  const usedBytes = () => (head() - Atomics.load(header, WORD_CLAIM)) >>> 0;

  return {
    words,
    bytes,
    get usedBytes() {
      return usedBytes();
    },
    push(record, bytes, priority) {
      const length = (bytes + 3) & ~3;
      const position = head();
      const offset = position & (capacity - 1);
      const padding = offset + length > capacity ? capacity - offset : 0;
      if (usedBytes() + padding + length > capacity * SHARES[priority]) return false;
      if (padding > 0) words[offset >> 2] = PADDING;
      const start = padding > 0 ? 0 : offset >> 2;
      record[0] = length;
      // For so few words a loop is faster than set() with a view made for it.
      for (let i = 0; i < length >> 2; i++) words[start + i] = record[i]!;
      Atomics.store(header, WORD_HEAD, (position + padding + length) | 0);
      return true;
    },
    read(position, maxBytes, visit) {
      const end = head();
      let at = position;
      // Padding does not count: there is always a record after it to be found.
      let left = maxBytes;
      while (at !== end && left > 0) {
        const offset = at & (capacity - 1);
        const length = words[offset >> 2]!;
        if (length === PADDING) at = (at + capacity - offset) | 0;
        else if (length < 4 || length > (end - at) >>> 0) throw new Error('no record');
        else {
          visit(offset >> 2);
          left -= length;
          at = (at + length) | 0;
        }
      }
      return at;
    },
  };
}
