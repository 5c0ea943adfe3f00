/** Places in the log of all slices that are not settled, as columns; a trace's slices are a list through `next`. */

import type { Place } from '../log.ts';
import { grown } from './grown.ts';

/** What one slice takes in memory. */
export const SLICE_ROW_BYTES = 20;

export class SliceColumns {
  bucket: Uint32Array;
  row: Uint32Array;
  start: Uint32Array;
  end: Uint32Array;
  next: Int32Array;
  /** Rows in use. */
  count = 0;
  private used = 0;
  private free = -1;

  constructor(capacity = 1024) {
    this.bucket = new Uint32Array(capacity);
    this.row = new Uint32Array(capacity);
    this.start = new Uint32Array(capacity);
    this.end = new Uint32Array(capacity);
    this.next = new Int32Array(capacity);
  }

  add(bucket: number, row: number, start: number, end: number): number {
    const index = this.allocate();
    this.move(index, bucket, row, start, end);
    this.next[index] = -1;
    return index;
  }

  move(index: number, bucket: number, row: number, start: number, end: number): void {
    this.bucket[index] = bucket;
    this.row[index] = row;
    this.start[index] = start;
    this.end[index] = end;
  }

  place(index: number): Place {
    return {
      bucket: this.bucket[index]!,
      row: this.row[index]!,
      start: this.start[index]!,
      end: this.end[index]!,
    };
  }

  release(index: number): void {
    this.next[index] = this.free;
    this.free = index;
    this.count--;
  }

  private allocate(): number {
    this.count++;
    const index = this.free;
    if (index !== -1) {
      this.free = this.next[index]!;
      return index;
    }
    if (this.used === this.next.length) this.grow();
    return this.used++;
  }

  private grow(): void {
    const length = this.next.length * 2;
    this.bucket = grown(this.bucket, length);
    this.row = grown(this.row, length);
    this.start = grown(this.start, length);
    this.end = grown(this.end, length);
    this.next = grown(this.next, length);
  }
}
