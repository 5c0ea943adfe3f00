/**
 * A run of sorted terms as bytes. Of each term: how much of its key the one before has too, the rest of it, how many traces have
 * the term, and which: where more than an eighth do a bitmap, else the differences from one ordinal to the next.
 */

import { crc32 } from 'node:zlib';
import { compressSection, decompressSection } from '../block-sections.ts';
import { BlockError } from '../errors.ts';
import type { Ordinals } from './ordinals.ts';
import { DATA_BLOCK_BYTES, type DataBlock, MAX_DATA_BLOCK_BYTES } from './segment.ts';
import { SegmentError } from './segment-error.ts';

/** Of a number below 2^28, more than any length and any ordinal. */
const MAX_VARINT_BYTES = 4;

/** Makes data blocks of terms that come in order. */
export class DataBlockWriter {
  private readonly traceCount: number;
  private readonly blocks: DataBlock[] = [];
  private buffer = new Uint8Array(2 * DATA_BLOCK_BYTES);
  private length = 0;
  private firstKey = new Uint8Array(0);
  private lastKey = new Uint8Array(512);
  private lastLength = 0;

  constructor(traceCount: number) {
    this.traceCount = traceCount;
  }

  /** The term's key is the first `length` bytes of `key`; the ordinals are ascending, at `from` to `to` - 1, at least one. */
  add(key: Uint8Array, length: number, ordinals: Int32Array, from: number, to: number): void {
    if (this.length === 0) {
      this.firstKey = key.slice(0, length);
      this.lastLength = 0;
    }
    this.reserve(3 * MAX_VARINT_BYTES + length + Math.min((to - from) * MAX_VARINT_BYTES, this.traceCount));
    const shared = this.shareWithLast(key, length);
    this.varint(shared);
    this.varint(length - shared);
    for (let i = shared; i < length; i++) this.buffer[this.length++] = key[i]!;
    this.varint(to - from);
    if (isBitmap(to - from, this.traceCount)) this.bitmap(ordinals, from, to);
    else for (let i = from, last = 0; i < to; last = ordinals[i++]!) this.varint(ordinals[i]! - last);
    if (this.length >= DATA_BLOCK_BYTES) this.close();
  }

  finish(): DataBlock[] {
    if (this.length > 0) this.close();
    return this.blocks;
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const longer = new Uint8Array(2 * (this.length + bytes));
    longer.set(this.buffer);
    this.buffer = longer;
  }

  private varint(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest >>= 7) this.buffer[this.length++] = rest | 0x80;
    this.buffer[this.length++] = rest;
  }

  private bitmap(ordinals: Int32Array, from: number, to: number): void {
    const start = this.length;
    this.length += bitmapBytes(this.traceCount);
    this.buffer.fill(0, start, this.length);
    for (let i = from; i < to; i++) this.buffer[start + (ordinals[i]! >> 3)]! |= 1 << (ordinals[i]! & 7);
  }

  /** How many bytes the key begins with that the last one has too; from here on it is the last. */
  private shareWithLast(key: Uint8Array, length: number): number {
    if (this.lastKey.length < length) {
      const longer = new Uint8Array(2 * length);
      longer.set(this.lastKey);
      this.lastKey = longer;
    }
    const { lastKey } = this;
    const limit = Math.min(length, this.lastLength);
    let shared = 0;
    while (shared < limit && key[shared] === lastKey[shared]) shared++;
    for (let i = shared; i < length; i++) lastKey[i] = key[i]!;
    this.lastLength = length;
    return shared;
  }

  private close(): void {
    const bytes = compressSection(this.buffer.subarray(0, this.length));
    this.blocks.push({ firstKey: this.firstKey, bytes, checksum: crc32(bytes) });
    this.length = 0;
  }
}

/** Reads the terms of a data block one after the other: `next`, then what is to be known of the term. */
export class DataBlockReader {
  /** The term's key is the first `keyLength` bytes of it, until the next `next`. */
  key = new Uint8Array(512);
  keyLength = 0;
  /** How many traces have the term. */
  count = 0;
  private readonly bytes: Uint8Array;
  private readonly traceCount: number;
  private position = 0;
  private postings = 0;

  /** @throws SegmentError */
  constructor(block: Uint8Array, traceCount: number) {
    this.bytes = unpack(block, MAX_DATA_BLOCK_BYTES);
    this.traceCount = traceCount;
  }

  /** False after the last term. @throws SegmentError */
  next(): boolean {
    if (this.position >= this.bytes.length) return false;
    const shared = this.varint();
    const rest = this.varint();
    if (shared > this.keyLength || rest > this.bytes.length - this.position) fail('a key that does not fit');
    const length = shared + rest;
    if (length > this.key.length) {
      const longer = new Uint8Array(2 * length);
      longer.set(this.key);
      this.key = longer;
    }
    for (let i = shared; i < length; i++) this.key[i] = this.bytes[this.position++]!;
    this.keyLength = length;
    this.count = this.varint();
    if (this.count > this.traceCount) fail(`${this.count} of ${this.traceCount} traces`);
    this.postings = this.position;
    this.skipPostings();
    return true;
  }

  /** How the term's key compares with another one. */
  compareKey(other: Uint8Array, otherLength = other.length): number {
    const shorter = Math.min(this.keyLength, otherLength);
    for (let i = 0; i < shorter; i++) if (this.key[i] !== other[i]) return this.key[i]! - other[i]!;
    return this.keyLength - otherLength;
  }

  /** Puts the term's ordinals into a set of the segment's size. @throws SegmentError */
  addTo(ordinals: Ordinals): void {
    if (isBitmap(this.count, this.traceCount)) {
      for (let i = 0; i < bitmapBytes(this.traceCount); i++) {
        ordinals.words[i >> 2]! |= this.bytes[this.postings + i]! << (8 * (i & 3));
      }
      return;
    }
    this.position = this.postings;
    for (let i = 0, ordinal = 0; i < this.count; i++) {
      ordinal += this.varint();
      if (ordinal >= this.traceCount) fail(`a trace beyond ${this.traceCount}`);
      ordinals.add(ordinal);
    }
  }

  /** Writes the term's ordinals to `target`, ascending, as many as `count` says. @throws SegmentError */
  copyTo(target: Int32Array): void {
    if (isBitmap(this.count, this.traceCount)) {
      let next = 0;
      for (let ordinal = 0; ordinal < this.traceCount; ordinal++) {
        if (this.bytes[this.postings + (ordinal >> 3)]! & (1 << (ordinal & 7))) target[next++] = ordinal;
      }
      return;
    }
    this.position = this.postings;
    for (let i = 0, ordinal = 0; i < this.count; i++) {
      ordinal += this.varint();
      if (ordinal >= this.traceCount) fail(`a trace beyond ${this.traceCount}`);
      target[i] = ordinal;
    }
  }

  private skipPostings(): void {
    if (isBitmap(this.count, this.traceCount)) {
      this.position += bitmapBytes(this.traceCount);
      if (this.position > this.bytes.length) fail('a bitmap that does not fit');
      this.checkBitmap();
      return;
    }
    for (let left = this.count; left > 0; left--) {
      while (this.bytes[this.position]! > 0x7f) this.position++;
      this.position++;
    }
    if (this.position > this.bytes.length) fail('traces that do not fit');
  }

  private checkBitmap(): void {
    let bits = 0;
    for (let i = this.postings; i < this.position; i++) bits += BITS[this.bytes[i]!]!;
    const beyond = this.traceCount & 7 ? this.bytes[this.position - 1]! >> (this.traceCount & 7) : 0;
    if (bits !== this.count || beyond !== 0) fail(`a bitmap of ${bits} traces instead of ${this.count}`);
  }

  private varint(): number {
    let value = 0;
    for (let shift = 0; shift < 7 * MAX_VARINT_BYTES; shift += 7) {
      const byte = this.bytes[this.position++];
      if (byte === undefined) fail('the end within a number');
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail('a number that is too large');
  }
}

/** @throws SegmentError for what is no section, or decompresses to more than `maxBytes` */
export function unpack(section: Uint8Array, maxBytes: number): Uint8Array {
  if (section.length < 4) throw new SegmentError('too_short', `a section of ${section.length} bytes`);
  const rawLength = new DataView(section.buffer, section.byteOffset, 4).getUint32(0, true);
  if (rawLength > maxBytes) throw new SegmentError('too_large', `${rawLength} bytes uncompressed`);
  try {
    return decompressSection(section);
  } catch (cause) {
    if (cause instanceof BlockError) throw new SegmentError('bad_frame', cause.message, { cause });
    throw cause;
  }
}

/** A bit a trace takes less than a byte for each of many. */
function isBitmap(count: number, traceCount: number): boolean {
  return count > bitmapBytes(traceCount);
}

function bitmapBytes(traceCount: number): number {
  return (traceCount + 7) >> 3;
}

const BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

function fail(what: string): never {
  throw new SegmentError('bad_terms', what);
}
