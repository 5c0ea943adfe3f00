/** The headers of all live spans as columns: a span is a row number, and a trace's spans are a list through `next`. */

import { grown } from './grown.ts';

/** Bits of `bits`, beside those of a head (`model/append-frame.ts`). */
/** The span has been counted as decided, as stored, in the statistics. */
export const IS_DECIDED = 32;
export const IS_STORED = 64;
export const IS_MEASURED = 128;
/** It was in memory before, and was counted as received then. */
export const IS_RECALLED = 256;

/** What one span takes in memory. */
export const SPAN_ROW_BYTES = 52;

export class SpanColumns {
  /** The span id's and the parent's 8 bytes as two little-endian words; a parent of zeros is none. */
  id0: Uint32Array;
  id1: Uint32Array;
  parent0: Uint32Array;
  parent1: Uint32Array;
  startUs: Float64Array;
  /** 0 while the span is open. */
  endUs: Float64Array;
  /** Id in the shard's `Operations`. */
  operation: Uint16Array;
  bits: Uint16Array;
  /** In how many spans' stead it counts. */
  weight: Float32Array;
  /** Size of this version, for choosing between versions. */
  bytes: Uint32Array;
  /** Number of the slice it came with, within its trace. */
  slice: Uint32Array;
  next: Int32Array;
  /** Rows in use. */
  count = 0;
  private end = 0;
  private free = -1;

  constructor(capacity = 1024) {
    this.id0 = new Uint32Array(capacity);
    this.id1 = new Uint32Array(capacity);
    this.parent0 = new Uint32Array(capacity);
    this.parent1 = new Uint32Array(capacity);
    this.startUs = new Float64Array(capacity);
    this.endUs = new Float64Array(capacity);
    this.operation = new Uint16Array(capacity);
    this.bits = new Uint16Array(capacity);
    this.weight = new Float32Array(capacity);
    this.bytes = new Uint32Array(capacity);
    this.slice = new Uint32Array(capacity);
    this.next = new Int32Array(capacity);
  }

  /** A row with anything in it; the caller fills every column. */
  allocate(): number {
    this.count++;
    const row = this.free;
    if (row !== -1) {
      this.free = this.next[row]!;
      return row;
    }
    if (this.end === this.next.length) this.grow();
    return this.end++;
  }

  release(row: number): void {
    this.next[row] = this.free;
    this.free = row;
    this.count--;
  }

  /** Releases a whole list. */
  releaseList(head: number): void {
    for (let row = head; row !== -1; ) {
      const next = this.next[row]!;
      this.release(row);
      row = next;
    }
  }

  private grow(): void {
    const length = this.next.length * 2;
    this.id0 = grown(this.id0, length);
    this.id1 = grown(this.id1, length);
    this.parent0 = grown(this.parent0, length);
    this.parent1 = grown(this.parent1, length);
    this.startUs = grown(this.startUs, length);
    this.endUs = grown(this.endUs, length);
    this.operation = grown(this.operation, length);
    this.bits = grown(this.bits, length);
    this.weight = grown(this.weight, length);
    this.bytes = grown(this.bytes, length);
    this.slice = grown(this.slice, length);
    this.next = grown(this.next, length);
  }
}
