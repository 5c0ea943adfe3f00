/** Writes the heads part of an append frame (`append-frame.ts`). */

import { HAS_RV, HEAD, HEAD_BYTES, IS_CERTAIN, IS_ERROR, IS_PAGE } from './head.ts';
import { OperationTable } from './operation-table.ts';
import type { SpanTable } from './otlp/span-table.ts';
import { thresholdToProbability } from './sampling.ts';
import { SLICE_HAS_UNSAMPLED } from './slice-frame.ts';
import { OtState, parseOtState } from './tracestate.ts';

/** Of a slice's spans and of a frame's operations. */
const MAX_COUNT = 0xffff;
/** u16 number of spans, u8 flags, the randomness. */
const MAX_SLICE_HEADS_BYTES = 2 + 1 + 8;
const INITIAL_BYTES = 8_192;
/** What a large request has made larger than this is not kept for the next one. */
const KEPT_BYTES = 128 * 1024;
/** OTLP's STATUS_CODE_ERROR. */
const STATUS_ERROR = 2;

/** Collects the heads of slices; used again for the next frame. */
export class HeadsWriter {
  private readonly operations: OperationTable;
  private bytes = new Uint8Array(INITIAL_BYTES);
  private view = new DataView(this.bytes.buffer);
  private position = 0;
  private readonly ot = new OtState();

  /** `maxOperationBytes` bounds the operations, service and name together. */
  constructor(maxOperationBytes: number) {
    this.operations = new OperationTable(maxOperationBytes);
  }

  get length(): number {
    return 2 + this.operations.encodedLength + this.position;
  }

  reset(): void {
    this.operations.reset();
    this.position = 0;
    if (this.bytes.length > KEPT_BYTES) this.grow(INITIAL_BYTES);
  }

  /** Adds the heads of a slice with these flags. Throws TooManyError, and RangeError where a frame cannot say how many there are. */
  add(table: SpanTable, rows: Int32Array, from: number, to: number, flags: number): void {
    if (to - from > MAX_COUNT) throw new RangeError(`a slice has ${to - from} spans, more than a frame can say`);
    const needed = this.position + MAX_SLICE_HEADS_BYTES + (to - from) * HEAD_BYTES;
    if (needed > this.bytes.length) this.grow(needed * 2);
    const { view } = this;
    let at = this.position;
    view.setUint16(at, to - from, true);
    const hasRandom = this.findRandom(table, rows, from, to);
    const isCertain = (flags & SLICE_HAS_UNSAMPLED) !== 0;
    view.setUint8(at + 2, (hasRandom ? HAS_RV : 0) | (isCertain ? IS_CERTAIN : 0));
    at += 3;
    if (hasRandom) {
      view.setUint32(at, this.ot.randomHigh, true);
      view.setUint32(at + 4, this.ot.randomLow, true);
      at += 8;
    }
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
      view.setFloat32(at + HEAD.weight, isCertain ? 1 : this.weight(table, row), true);
      view.setUint32(at + HEAD.bytes, table.end[row]! - table.start[row]!, true);
      at += HEAD_BYTES;
    }
    if (this.operations.count > MAX_COUNT) throw new RangeError('a frame has more operations than it can say');
    this.position = at;
  }

  /** True when a span says what the trace's randomness is; what the first of them says is left in `ot`. */
  private findRandom(table: SpanTable, rows: Int32Array, from: number, to: number): boolean {
    for (let i = from; i < to; i++) if (this.parseState(table, rows[i]!) && this.ot.hasRandom) return true;
    return false;
  }

  /** How many spans a row stands for. */
  private weight(table: SpanTable, row: number): number {
    if (!this.parseState(table, row) || !this.ot.hasThreshold) return 1;
    return 1 / thresholdToProbability(this.ot.thresholdHigh, this.ot.thresholdLow);
  }

  /** Reads into `ot` what a row's tracestate says of sampling; false when it has no tracestate. */
  private parseState({ bytes, traceStateStart, traceStateEnd }: SpanTable, row: number): boolean {
    if (traceStateStart[row] === traceStateEnd[row]) return false;
    parseOtState(bytes, traceStateStart[row]!, traceStateEnd[row]!, this.ot);
    return true;
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

/** Copies 8 bytes from `at` of `source`, or zeros when `at` is -1. */
function copyId(target: DataView, to: number, source: DataView, at: number): void {
  target.setUint32(to, at === -1 ? 0 : source.getUint32(at, true), true);
  target.setUint32(to + 4, at === -1 ? 0 : source.getUint32(at + 4, true), true);
}
