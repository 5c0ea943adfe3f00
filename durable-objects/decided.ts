/**
 * Which traces were decided and have left memory since: a bounded table of fingerprints, each leading to the bucket
 * whose index has the decision. A trace that is new, the usual case, costs one probe; the rest is read from the log.
 */

import { MAX_REMEMBERED_DECISIONS } from '../model/limits.ts';
import type { Log, Place } from './log.ts';
import { findInIndex, forEachId, IndexBuilder, type VisitId } from './log-index.ts';

/** What one remembered decision takes in memory, with the table half full. */
export const DECIDED_ENTRY_BYTES = 16;

export class Decided {
  private readonly log: Log;
  private readonly seed: number;
  /** Decisions that were made in the current bucket. */
  readonly current = new IndexBuilder();
  /** Fingerprint and number of the decision; 0 for none. Linear probing, at most half full. */
  private prints = new Uint32Array(1024);
  private numbers = new Uint32Array(1024);
  count = 0;
  /** Decisions that were forgotten because there was no more room. */
  evicted = 0;
  private next = 1;
  /** Numbers from `first` on belong to this bucket, up to the next one's. Oldest first. */
  private ranges: { readonly bucket: number; first: number }[] = [];
  /** Number of the first decision in `current`; below 1 when it has been forgotten. */
  private zero = 1;

  constructor(log: Log, seed: number) {
    this.log = log;
    this.seed = seed | 1;
  }

  /** Reads what closed buckets have, oldest first, so that for want of room the oldest is forgotten; then begins the current one. */
  load(): void {
    const closed = this.log.buckets.filter((bucket) => bucket.closedMs !== null);
    for (const { id, decisionsRow } of closed) {
      this.ranges.push({ bucket: id, first: this.next });
      if (decisionsRow === null) continue;
      forEachId(this.log.indexReader(id, decisionsRow), (w0, w1, w2, w3) => this.remember(w0, w1, w2, w3));
    }
    if (this.log.current) this.begin(this.log.current.id);
  }

  add(w0: number, w1: number, w2: number, w3: number, row: number, start: number, end: number): void {
    this.remember(w0, w1, w2, w3);
    this.current.add(w0, w1, w2, w3, row, start, end);
  }

  /** Where the last decision of a trace is in the log, or null when it was never decided, or that is forgotten. */
  find(w0: number, w1: number, w2: number, w3: number): Place | null {
    const number = this.numbers[this.slotOf(this.print(w0, w1, w2, w3))]!;
    if (number === 0) return null;
    const range = this.ranges.findLast(({ first }) => first <= number);
    const bucket = range && this.log.buckets.find(({ id }) => id === range.bucket);
    if (!bucket) return null;
    const found =
      bucket.closedMs === null
        ? this.current.get(number - this.zero, w0, w1, w2, w3)
        : bucket.decisionsRow !== null &&
          findInIndex(this.log.indexReader(bucket.id, bucket.decisionsRow), w0, w1, w2, w3).at(-1);
    return found ? { bucket: bucket.id, ...found } : null;
  }

  /** Calls back with every trace whose decision is in the log, with some more than once. */
  forEachId(visit: VisitId): void {
    for (const { id, decisionsRow } of this.log.buckets) {
      if (decisionsRow !== null) forEachId(this.log.indexReader(id, decisionsRow), visit);
    }
    this.current.forEachId(visit);
  }

  /** To be called when the log has begun a new bucket. */
  begin(bucket: number): void {
    this.current.clear();
    this.ranges.push({ bucket, first: this.next });
    this.zero = this.next;
  }

  /** Forgets what a bucket that is dropped has decided. */
  drop(bucket: number): void {
    this.ranges = this.ranges.filter((range) => range.bucket !== bucket);
    this.keepFrom(this.ranges[0]?.first ?? this.next);
  }

  private remember(w0: number, w1: number, w2: number, w3: number): void {
    if (this.count >= MAX_REMEMBERED_DECISIONS) {
      const before = this.count;
      this.keepFrom(this.next - (MAX_REMEMBERED_DECISIONS >> 1));
      this.evicted += before - this.count;
    }
    if ((this.count + 1) * 2 > this.prints.length) this.rebuild(this.prints.length * 2, 0);
    this.put(this.print(w0, w1, w2, w3), this.next++);
  }

  private put(print: number, number: number): void {
    const slot = this.slotOf(print);
    if (this.numbers[slot] === 0) this.count++;
    this.prints[slot] = print;
    this.numbers[slot] = number;
  }

  private keepFrom(first: number): void {
    // Numbers begin again from 1 each time, so that they never run out.
    const base = first - 1;
    this.rebuild(this.prints.length, base);
    this.next -= base;
    this.zero -= base;
    for (const range of this.ranges) range.first = Math.max(1, range.first - base);
  }

  /** Moves everything into new tables; numbers become less by `base`, and what is then below 1 is gone. */
  private rebuild(size: number, base: number): void {
    const { prints, numbers } = this;
    this.prints = new Uint32Array(size);
    this.numbers = new Uint32Array(size);
    this.count = 0;
    for (let i = 0; i < prints.length; i++) if (numbers[i]! > base) this.put(prints[i]!, numbers[i]! - base);
  }

  private slotOf(print: number): number {
    const mask = this.prints.length - 1;
    let slot = print & mask;
    while (this.numbers[slot] !== 0 && this.prints[slot] !== print) slot = (slot + 1) & mask;
    return slot;
  }

  /** 32 bits of all four words, mixed as MurmurHash3 does. */
  private print(w0: number, w1: number, w2: number, w3: number): number {
    let h = Math.imul(w0 ^ this.seed, 0xcc9e2d51);
    h = Math.imul((h ^ (h >>> 15)) + w1, 0x1b873593);
    h = Math.imul((h ^ (h >>> 13)) + w2, 0x85ebca6b);
    h = Math.imul((h ^ (h >>> 16)) + w3, 0xc2b2ae35);
    return (h ^ (h >>> 13)) >>> 0;
  }
}
