/**
 * What an isolate hands to a shard in one append: slices, of which the log keeps the bytes, and a head for each of their
 * spans, so that the shard need not scan what the isolate has scanned. Layout, little-endian:
 *
 *     u32 length of the heads
 *     heads:
 *       u16 number of operations, then each: u16 bytes of the service · u16 bytes of the name · service · name, both
 *         UTF-8 as `cutName` cuts them; bytes that are not UTF-8 are as they came. No pair of them comes twice.
 *       of each slice, in the slices' order: u16 number of spans · u8 flags · with HAS_RV u32 high, u32 low: the trace's
 *         56 bits of explicit randomness · then each span's head, in the slice's order, `HEAD_BYTES` long
 *     slices, to the end (`slice-frame.ts`)
 *
 * Heads are made of the slices alone (`headsOf`), so none are kept. Isolates and shards are deployed together and
 * nobody stores a whole frame: it has no version.
 */

import { OperationTable } from './operation-table.ts';
import { ProtoWriter } from './otlp/proto-writer.ts';
import { scanTraces } from './otlp/scan.ts';
import { measureRows, writeRows } from './otlp/slice.ts';
import type { SpanTable } from './otlp/span-table.ts';
import { readFrame } from './slice-frame.ts';

/** One span's head. */
export const HEAD_BYTES = 44;
/** Where the fields of a head are. */
export const HEAD = {
  /** 8 bytes. */
  spanId: 0,
  /** 8 bytes, zeros where there is no parent. */
  parentSpanId: 8,
  /** f64, microseconds since the epoch. */
  startUs: 16,
  /** f64, microseconds since the epoch; 0 while the span is open. */
  endUs: 24,
  /** u16, index into the operations. */
  operation: 32,
  /** u8: the span's kind, 0 to 5 as in OTLP, in the bits of `KIND_BITS`; `IS_ERROR`; `IS_PAGE`. */
  bits: 34,
  /** f32: how many spans this one stands for, 1/p where its sender sampled with probability p, else 1. */
  weight: 36,
  /** u32: size of the Span message, which chooses between versions of a span. */
  bytes: 40,
} as const;

export const KIND_BITS = 7;
/** Status code ERROR. */
export const IS_ERROR = 8;
/** Taken in under a page's key. */
export const IS_PAGE = 16;
/** Flag of a slice's heads: the trace's randomness follows. */
export const HAS_RV = 1;

const LENGTH_BYTES = 4;
const MAX_SLICE_SPANS = 0xffff;
/** u16 number of spans, u8 flags, the randomness. */
const MAX_SLICE_HEADS_BYTES = 2 + 1 + 8;
/** What a large request has made larger than this is not kept for the next one. */
const KEPT_BYTES = 1024 * 1024;

/** Writes one shard's share of a request after the other. */
export class AppendFrameWriter {
  private readonly heads = new HeadsWriter();
  private slices = new ProtoWriter(65_536);
  /** Good rows that were added. */
  spans = 0;

  /** Bytes of the slices. */
  get length(): number {
    return this.slices.length;
  }

  /** Forgets what was added. */
  reset(): void {
    this.heads.reset();
    this.slices.reset(KEPT_BYTES);
    this.spans = 0;
  }

  /** Adds rows `from` to `to` - 1 of `rows`, all of one trace, ascending and good, as one slice. */
  addSlice(table: SpanTable, rows: Int32Array, from: number, to: number, flags: number): void {
    this.heads.add(table, rows, from, to);
    const traceIdAt = table.traceIdAt[rows[from]!]!;
    const { slices } = this;
    slices.raw(table.bytes.subarray(traceIdAt, traceIdAt + 16));
    slices.u8(flags);
    slices.u32(measureRows(table, rows, from, to));
    writeRows(slices, table, rows, from, to);
    this.spans += to - from;
  }

  /** The frame, in a buffer of its own. */
  finish(): Uint8Array {
    const frame = new Uint8Array(LENGTH_BYTES + this.heads.length + this.slices.length);
    new DataView(frame.buffer).setUint32(0, this.heads.length, true);
    this.heads.writeTo(frame, LENGTH_BYTES);
    this.slices.writeTo(frame, LENGTH_BYTES + this.heads.length);
    return frame;
  }
}

/** The two parts of a frame, as views. Throws RangeError when it is cut off. */
export function splitAppendFrame(frame: Uint8Array): { readonly heads: Uint8Array; readonly slices: Uint8Array } {
  if (frame.length < LENGTH_BYTES) throw new RangeError('append frame is cut off in its length');
  const end = LENGTH_BYTES + new DataView(frame.buffer, frame.byteOffset, LENGTH_BYTES).getUint32(0, true);
  if (end > frame.length) throw new RangeError(`append frame is cut off: its heads end at byte ${end}`);
  return { heads: frame.subarray(LENGTH_BYTES, end), slices: frame.subarray(end) };
}

/** The heads that belong to slices: the bytes that AppendFrameWriter wrote when it wrote these slices. */
export function headsOf(slices: Uint8Array): Uint8Array {
  const writer = new HeadsWriter();
  for (const { start, end } of readFrame(slices)) {
    const table = scanTraces(slices.subarray(start, end));
    const rows = table.goodRows();
    writer.add(table, rows, 0, rows.length);
  }
  const heads = new Uint8Array(writer.length);
  writer.writeTo(heads, 0);
  return heads;
}

class HeadsWriter {
  private readonly operations = new OperationTable();
  private bytes = new Uint8Array(8_192);
  private view = new DataView(this.bytes.buffer);
  private position = 0;

  get length(): number {
    return 2 + this.operations.encodedLength + this.position;
  }

  reset(): void {
    this.operations.reset();
    this.position = 0;
    if (this.bytes.length > KEPT_BYTES) this.grow(8_192);
  }

  /** Adds the heads of a slice. Throws RangeError when they are more than a slice can have. */
  add(table: SpanTable, rows: Int32Array, from: number, to: number): void {
    if (to - from > MAX_SLICE_SPANS) throw new RangeError(`a slice has ${to - from} spans, more than a frame can say`);
    const needed = this.position + MAX_SLICE_HEADS_BYTES + (to - from) * HEAD_BYTES;
    if (needed > this.bytes.length) this.grow(needed * 2);
    const { view } = this;
    let at = this.position;
    view.setUint16(at, to - from, true);
    view.setUint8(at + 2, 0);
    at += 3;
    let scope = -1;
    let service = 0;
    let pageBit = 0;
    for (let i = from; i < to; i++) {
      const row = rows[i]!;
      if (table.scope[row] !== scope) {
        scope = table.scope[row]!;
        const resource = table.resources[table.resource(row)]!;
        service = this.operations.service(resource.service);
        pageBit = resource.isPage ? IS_PAGE : 0;
      }
      const operation = this.operations.operation(service, table.bytes, table.nameStart[row]!, table.nameEnd[row]!);
      const errorBit = table.status[row] === STATUS_ERROR ? IS_ERROR : 0;
      copyId(view, at + HEAD.spanId, table.view, table.spanIdAt[row]!);
      copyId(view, at + HEAD.parentSpanId, table.view, table.parentIdAt[row]!);
      view.setFloat64(at + HEAD.startUs, table.startUs[row]!, true);
      view.setFloat64(at + HEAD.endUs, table.endUs[row]!, true);
      view.setUint16(at + HEAD.operation, operation, true);
      view.setUint16(at + HEAD.bits, table.kind[row]! | errorBit | pageBit, true);
      view.setFloat32(at + HEAD.weight, 1, true);
      view.setUint32(at + HEAD.bytes, table.end[row]! - table.start[row]!, true);
      at += HEAD_BYTES;
    }
    this.position = at;
  }

  /** Writes `length` bytes to `target`. */
  writeTo(target: Uint8Array, at: number): void {
    const { operations } = this;
    target[at] = operations.count;
    target[at + 1] = operations.count >> 8;
    operations.writeTo(target, at + 2);
    target.set(this.bytes.subarray(0, this.position), at + 2 + operations.encodedLength);
  }

  private grow(size: number): void {
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.position));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

/** OTLP's STATUS_CODE_ERROR. */
const STATUS_ERROR = 2;

/** Copies 8 bytes from `at` of `source`, or zeros when `at` is -1. */
function copyId(target: DataView, to: number, source: DataView, at: number): void {
  target.setUint32(to, at === -1 ? 0 : source.getUint32(at, true), true);
  target.setUint32(to + 4, at === -1 ? 0 : source.getUint32(at + 4, true), true);
}
