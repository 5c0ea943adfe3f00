/**
 * All live traces as columns, found by trace id through a hash table. A trace is a row number that stays the same until
 * it is removed.
 */

import type { Decision } from '../../model/span.ts';
import { grown } from './grown.ts';

/** Bits of `bits`. */
/** The page said that nothing more will come. */
export const GOODBYE = 1;
/** Some earlier slices are not here any more: they were decided and, if kept, stored. */
export const FORGOTTEN = 2;
export const HAS_ERROR = 4;
/** A root span has come and has ended. */
export const ROOT_ENDED = 8;
/** Some span is of a service or operation that the configuration calls critical. */
export const CRITICAL = 16;
/** Decided before everything had come, because the shard was under pressure; because a limit was reached. */
export const EARLY = 32;
export const AT_LIMIT = 64;
/** It had left memory when its first span here came: what comes is not measured. */
export const LATE = 128;
/** Some span came in several versions, of which one stands. */
export const MERGED = 256;
/** It was erased while it was in the sealed block, and leaves memory with that. */
export const ERASED = 512;
/** It would have come whether its head sampled it or not. */
export const CERTAIN = 1024;

/** Values of `facts`. */
export const NO_FACTS = 0;
export const FACTS_OK = 1;
export const FACTS_ERROR = 2;

/** What one trace takes in memory: columns, hash table at its fullest, decision. */
export const TRACE_ROW_BYTES = 161;

export class TraceColumns {
  /** The trace id's 16 bytes as four little-endian words. */
  id0: Uint32Array;
  id1: Uint32Array;
  id2: Uint32Array;
  id3: Uint32Array;
  /** When the first and the latest undecided slice came, milliseconds since the epoch. */
  firstMs: Float64Array;
  lastMs: Float64Array;
  /** The longest wait between two slices. */
  maxGapMs: Float32Array;
  bits: Uint16Array;
  /** Lists of the slices that are not settled, and of span headers; -1 when empty. */
  sliceHead: Int32Array;
  sliceTail: Int32Array;
  spanHead: Int32Array;
  spanTail: Int32Array;
  /** Span versions in the list. */
  spanCount: Uint32Array;
  /** OTLP bytes of slices that no decision covers. */
  undecidedBytes: Uint32Array;
  /** Slices are numbered from 0 as they come; these are one more than the last that came, was decided, is in the sealed block, was stored. */
  sliceEnd: Uint32Array;
  /** Number of the slice that the list begins with. */
  sliceStart: Uint32Array;
  decidedEnd: Uint32Array;
  sealedEnd: Uint32Array;
  storedEnd: Uint32Array;
  /** Of the last decision, and of the last part that was sealed. Each part has a higher one than those before it. */
  revision: Float64Array;
  sealedRevision: Float64Array;
  /** What searches ask first, as far as it is known: `NO_FACTS`, or whether a span has failed; then when it starts, and how long it takes. */
  facts: Uint8Array;
  startUs: Float64Array;
  durationUs: Float64Array;
  readonly decision: (Decision | null)[] = [];
  /** Rows in use. */
  count = 0;
  /** All rows ever used are below this. */
  end = 0;
  private inUse: Uint8Array;
  private readonly free: number[] = [];
  /** Row + 1 by hash, 0 for none: linear probing, at most half full. */
  private table: Int32Array;
  private readonly seed: number;

  /** `seed`: any 32-bit number that senders cannot know, so that they cannot choose ids that collide. */
  constructor(seed: number, capacity = 1024) {
    this.seed = seed | 1;
    this.id0 = new Uint32Array(capacity);
    this.id1 = new Uint32Array(capacity);
    this.id2 = new Uint32Array(capacity);
    this.id3 = new Uint32Array(capacity);
    this.firstMs = new Float64Array(capacity);
    this.lastMs = new Float64Array(capacity);
    this.maxGapMs = new Float32Array(capacity);
    this.bits = new Uint16Array(capacity);
    this.sliceHead = new Int32Array(capacity);
    this.sliceTail = new Int32Array(capacity);
    this.spanHead = new Int32Array(capacity);
    this.spanTail = new Int32Array(capacity);
    this.spanCount = new Uint32Array(capacity);
    this.undecidedBytes = new Uint32Array(capacity);
    this.sliceEnd = new Uint32Array(capacity);
    this.sliceStart = new Uint32Array(capacity);
    this.decidedEnd = new Uint32Array(capacity);
    this.sealedEnd = new Uint32Array(capacity);
    this.storedEnd = new Uint32Array(capacity);
    this.revision = new Float64Array(capacity);
    this.sealedRevision = new Float64Array(capacity);
    this.facts = new Uint8Array(capacity);
    this.startUs = new Float64Array(capacity);
    this.durationUs = new Float64Array(capacity);
    this.inUse = new Uint8Array(capacity);
    this.table = new Int32Array(capacity * 2);
  }

  has(trace: number): boolean {
    return this.inUse[trace] === 1;
  }

  /** The row of a trace id, -1 when it is not there. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    const mask = this.table.length - 1;
    for (let at = this.hash(w0, w1, w2, w3) & mask; ; at = (at + 1) & mask) {
      const trace = this.table[at]! - 1;
      if (trace === -1) return -1;
      if (this.id3[trace] === w3 && this.id2[trace] === w2 && this.id1[trace] === w1 && this.id0[trace] === w0) {
        return trace;
      }
    }
  }

  /** A new row for an id that is not there, empty but for its times. */
  add(w0: number, w1: number, w2: number, w3: number, nowMs: number): number {
    if ((this.count + 1) * 2 > this.table.length) this.growTable();
    const trace = this.free.pop() ?? this.end++;
    if (trace >= this.bits.length) this.grow();
    this.count++;
    this.inUse[trace] = 1;
    this.id0[trace] = w0;
    this.id1[trace] = w1;
    this.id2[trace] = w2;
    this.id3[trace] = w3;
    this.firstMs[trace] = nowMs;
    this.lastMs[trace] = nowMs;
    this.maxGapMs[trace] = 0;
    this.bits[trace] = 0;
    this.sliceHead[trace] = this.sliceTail[trace] = this.spanHead[trace] = this.spanTail[trace] = -1;
    this.spanCount[trace] = this.undecidedBytes[trace] = 0;
    this.sliceStart[trace] =
      this.sliceEnd[trace] =
      this.decidedEnd[trace] =
      this.sealedEnd[trace] =
      this.storedEnd[trace] =
        0;
    this.revision[trace] = this.sealedRevision[trace] = 0;
    this.facts[trace] = NO_FACTS;
    this.decision[trace] = null;
    this.insert(trace);
    return trace;
  }

  /** Takes a trace out; its row is used again. */
  remove(trace: number): void {
    const mask = this.table.length - 1;
    let hole = this.home(trace) & mask;
    while (this.table[hole] !== trace + 1) hole = (hole + 1) & mask;
    // Moves back what would not be found any more across the hole.
    for (let at = (hole + 1) & mask; this.table[at] !== 0; at = (at + 1) & mask) {
      const home = this.home(this.table[at]! - 1) & mask;
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        this.table[hole] = this.table[at]!;
        hole = at;
      }
    }
    this.table[hole] = 0;
    this.inUse[trace] = 0;
    this.decision[trace] = null;
    this.free.push(trace);
    this.count--;
  }

  private insert(trace: number): void {
    const mask = this.table.length - 1;
    let at = this.home(trace) & mask;
    while (this.table[at] !== 0) at = (at + 1) & mask;
    this.table[at] = trace + 1;
  }

  private home(trace: number): number {
    return this.hash(this.id0[trace]!, this.id1[trace]!, this.id2[trace]!, this.id3[trace]!);
  }

  /** Multiplies and folds all four words, as MurmurHash3's mixing does. */
  private hash(w0: number, w1: number, w2: number, w3: number): number {
    let h = Math.imul(w0 ^ this.seed, 0xcc9e2d51);
    h = Math.imul((h ^ (h >>> 15)) + w1, 0x1b873593);
    h = Math.imul((h ^ (h >>> 13)) + w2, 0x85ebca6b);
    h = Math.imul((h ^ (h >>> 16)) + w3, 0xc2b2ae35);
    return h ^ (h >>> 15);
  }

  private growTable(): void {
    this.table = new Int32Array(this.table.length * 2);
    for (let trace = 0; trace < this.end; trace++) if (this.inUse[trace] === 1) this.insert(trace);
  }

  private grow(): void {
    const length = this.bits.length * 2;
    this.id0 = grown(this.id0, length);
    this.id1 = grown(this.id1, length);
    this.id2 = grown(this.id2, length);
    this.id3 = grown(this.id3, length);
    this.firstMs = grown(this.firstMs, length);
    this.lastMs = grown(this.lastMs, length);
    this.maxGapMs = grown(this.maxGapMs, length);
    this.bits = grown(this.bits, length);
    this.sliceHead = grown(this.sliceHead, length);
    this.sliceTail = grown(this.sliceTail, length);
    this.spanHead = grown(this.spanHead, length);
    this.spanTail = grown(this.spanTail, length);
    this.spanCount = grown(this.spanCount, length);
    this.undecidedBytes = grown(this.undecidedBytes, length);
    this.sliceEnd = grown(this.sliceEnd, length);
    this.sliceStart = grown(this.sliceStart, length);
    this.decidedEnd = grown(this.decidedEnd, length);
    this.sealedEnd = grown(this.sealedEnd, length);
    this.storedEnd = grown(this.storedEnd, length);
    this.revision = grown(this.revision, length);
    this.sealedRevision = grown(this.sealedRevision, length);
    this.facts = grown(this.facts, length);
    this.startUs = grown(this.startUs, length);
    this.durationUs = grown(this.durationUs, length);
    this.inUse = grown(this.inUse, length);
  }
}
