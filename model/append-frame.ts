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

import { HeadsWriter } from './heads-writer.ts';
import { MAX_SLICE_BYTES, MAX_SLICED_BYTES } from './limits.ts';
import { scanRange } from './otlp/scan.ts';
import { SlicePlan } from './otlp/slice.ts';
import { NO_LIMITS, SpanTable } from './otlp/span-table.ts';
import { concatBytes, readFrame, SLICE_HEADER_BYTES } from './slice-frame.ts';

export { HAS_RV, HEAD, HEAD_BYTES, IS_CERTAIN, IS_ERROR, IS_PAGE, KIND_BITS } from './head.ts';

const LENGTH_BYTES = 4;

/** Makes one shard's share of a request, then the next one's. */
export class AppendFrameWriter {
  private readonly heads = new HeadsWriter(MAX_SLICED_BYTES);
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
   * `MAX_SLICE_BYTES`. Throws TooManyError, and then the writer must be reset.
   */
  addSlice(table: SpanTable, rows: Int32Array, from: number, to: number, flags: number): boolean {
    const plan = new SlicePlan(table, rows, from, to);
    if (plan.length > MAX_SLICE_BYTES) return false;
    this.heads.add(table, rows, from, to, flags);
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
      for (let i = 0; i < 16; i += 4) view.setUint32(at + i, plan.table.view.getUint32(traceIdAt + i));
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

/** A frame of slices that were taken out of others. */
export function joinAppendFrame(slices: Uint8Array): Uint8Array {
  const heads = headsOf(slices);
  return concatBytes([new Uint8Array(Uint32Array.of(heads.length).buffer), heads, slices]);
}

/** The heads that belong to slices: the bytes that AppendFrameWriter wrote when it wrote these slices. */
export function headsOf(slices: Uint8Array): Uint8Array {
  const table = new SpanTable(slices, NO_LIMITS);
  /** Where each slice's rows end, and its flags. */
  const ends: { readonly end: number; readonly flags: number }[] = [];
  for (const { flags, start, end } of readFrame(slices)) {
    scanRange(table, start, end);
    ends.push({ end: table.count, flags });
  }
  // What was let in is not refused later.
  const writer = new HeadsWriter(Number.POSITIVE_INFINITY);
  const rows = table.goodRows();
  let from = 0;
  for (const { end, flags } of ends) {
    let to = from;
    while (to < rows.length && rows[to]! < end) to++;
    writer.add(table, rows, from, to, flags);
    from = to;
  }
  const heads = new Uint8Array(writer.length);
  writer.writeTo(heads, 0);
  return heads;
}
