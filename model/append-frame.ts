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

import { MAX_SLICE_BYTES } from './limits.ts';
import { OperationTable } from './operation-table.ts';
import { scanRange } from './otlp/scan.ts';
import { SlicePlan } from './otlp/slice.ts';
import { NO_LIMITS, SpanTable } from './otlp/span-table.ts';
import { readFrame, SLICE_HEADER_BYTES } from './slice-frame.ts';

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

/** Makes one shard's share of a request, then the next one's. */
export class AppendFrameWriter {
  private readonly heads = new HeadsWriter();
  private readonly slices: { readonly plan: SlicePlan; readonly traceIdAt: number; readonly flags: number }[] = [];
  private slicesLength = 0;
  /** Spans that were added. */
  spans = 0;

  /** Bytes of the frame. */
  get length(): number {
    return LENGTH_BYTES + this.heads.length + this.slicesLength;
  }

  /** Forgets what was added. */
  reset(): void {
    this.heads.reset();
    this.slices.length = this.slicesLength = this.spans = 0;
  }

  /**
   * Adds rows `from` to `to` - 1 of `rows`, which are good, ascending and all of one trace, as one slice. The table must
   * stay as it is until the frame is finished. False, and nothing is added, when the slice would be larger than
   * `MAX_SLICE_BYTES`.
   */
  addSlice(table: SpanTable, rows: Int32Array, from: number, to: number, flags: number): boolean {
    const plan = new SlicePlan(table, rows, from, to);
    if (plan.length > MAX_SLICE_BYTES) return false;
    this.heads.add(table, rows, from, to);
    this.slices.push({ plan, traceIdAt: table.traceIdAt[rows[from]!]!, flags });
    this.slicesLength += SLICE_HEADER_BYTES + plan.length;
    this.spans += to - from;
    return true;
  }

  /** The frame, in a buffer of its own. */
  finish(): Uint8Array {
    const frame = new Uint8Array(this.length);
    const view = new DataView(frame.buffer);
    view.setUint32(0, this.heads.length, true);
    this.heads.writeTo(frame, LENGTH_BYTES);
    let at = LENGTH_BYTES + this.heads.length;
    for (const { plan, traceIdAt, flags } of this.slices) {
      frame.set(plan.table.bytes.subarray(traceIdAt, traceIdAt + 16), at);
      frame[at + 16] = flags;
      view.setUint32(at + 17, plan.length, true);
      at = plan.writeTo(frame, at + SLICE_HEADER_BYTES);
    }
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
  const table = new SpanTable(slices, NO_LIMITS);
  /** Where each slice's rows end. */
  const ends: number[] = [];
  for (const { start, end } of readFrame(slices)) {
    scanRange(table, start, end);
    ends.push(table.count);
  }
  const writer = new HeadsWriter();
  const rows = table.goodRows();
  let from = 0;
  for (const end of ends) {
    let to = from;
    while (to < rows.length && rows[to]! < end) to++;
    writer.add(table, rows, from, to);
    from = to;
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
      const operation = this.operations.operation(service, table.view, table.nameStart[row]!, table.nameEnd[row]!);
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
