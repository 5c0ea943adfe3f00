/** Cuts spans out of a scanned message: every output is again valid OTLP `TracesData`, and each span is copied once. */

import { RESOURCE_SPANS, SCOPE_SPANS, TRACES_DATA } from './fields.ts';
import { BYTES, varintLength } from './proto-writer.ts';
import type { Envelope, SpanTable } from './span-table.ts';

/** Good rows of a table by trace, the traces in the order in which they first appear. */
export interface TraceGroups {
  /** Number of traces. */
  readonly count: number;
  /** Trace by trace, each one's ascending. */
  readonly rows: Int32Array;
  /** Trace `g` has `rows[starts[g]]` to `rows[starts[g + 1] - 1]`. */
  readonly starts: Int32Array;
}

/** Groups the rows that are not rejected by trace id. */
export function groupByTrace(table: SpanTable): TraceGroups {
  const good = table.goodRows();
  const { traceIdAt, view } = table;
  const groupOf = new Int32Array(good.length);
  /** The first row of each trace. */
  const firsts = new Int32Array(good.length);
  const starts = new Int32Array(good.length + 1);
  // Open addressing: a slot holds 1 + the number of a trace.
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * good.length + 1)));
  const mask = slots.length - 1;
  let count = 0;
  for (let i = 0; i < good.length; i++) {
    const at = traceIdAt[good[i]!]!;
    let slot = hashTraceId(view, at) & mask;
    let group = slots[slot]! - 1;
    while (group !== -1 && !sameTraceId(view, traceIdAt[firsts[group]!]!, at)) {
      slot = (slot + 1) & mask;
      group = slots[slot]! - 1;
    }
    if (group === -1) {
      group = count++;
      slots[slot] = count;
      firsts[group] = good[i]!;
    }
    groupOf[i] = group;
    starts[group + 1]!++;
  }
  for (let group = 0; group < count; group++) starts[group + 1]! += starts[group]!;
  const rows = new Int32Array(good.length);
  const next = starts.slice(0, count);
  for (let i = 0; i < good.length; i++) rows[next[groupOf[i]!]!++] = good[i]!;
  return { count, rows, starts };
}

function hashTraceId(view: DataView, at: number): number {
  let hash = 0;
  for (let i = at; i < at + 16; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(i, true), 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  return hash;
}

function sameTraceId(view: DataView, a: number, b: number): boolean {
  for (let i = 0; i < 16; i += 4) if (view.getInt32(a + i) !== view.getInt32(b + i)) return false;
  return true;
}

/**
 * Rows of one trace that will be written as one `TracesData`. The lengths of the messages around the spans are found first,
 * so that what takes the bytes can be made as large as it must be, and every byte is written once.
 */
export class SlicePlan {
  readonly table: SpanTable;
  private readonly rows: Int32Array;
  private readonly from: number;
  private readonly to: number;
  /** Of the messages around the spans: resource by resource, each before those of its scopes. */
  private readonly lengths: number[] = [];
  /** Bytes that `writeTo` writes. */
  readonly length: number;

  /** Plans rows `from` to `to` - 1 of `rows`, ascending. */
  constructor(table: SpanTable, rows: Int32Array, from = 0, to = rows.length) {
    this.table = table;
    this.rows = rows;
    this.from = from;
    this.to = to;
    this.length = this.plan();
  }

  /** Writes the rows, each under its resource and scope as they were. Returns where they end. */
  writeTo(target: Uint8Array, start: number): number {
    const { table, rows, to, lengths } = this;
    const { bytes } = table;
    let at = start;
    let planned = 0;
    let scope = -1;
    let resource = -1;
    for (let i = this.from; i < to; i++) {
      const row = rows[i]!;
      if (table.scope[row] !== scope) {
        scope = table.scope[row]!;
        if (table.resource(row) !== resource) {
          resource = table.resource(row);
          at = writeHeader(target, at, TRACES_DATA.resourceSpans, lengths[planned++]!);
          at = writeEnvelope(target, at, table.resources[resource]!);
        }
        at = writeHeader(target, at, RESOURCE_SPANS.scopeSpans, lengths[planned++]!);
        at = writeEnvelope(target, at, table.scopes[scope]!);
      }
      const spanStart = table.start[row]!;
      let spanEnd = table.end[row]!;
      at = writeHeader(target, at, SCOPE_SPANS.spans, spanEnd - spanStart);
      // Spans that stand side by side, each after nothing but its own header, are copied together.
      while (i + 1 < to && table.scope[rows[i + 1]!] === scope && follows(table, rows[i + 1]!, spanEnd)) {
        spanEnd = table.end[rows[++i]!]!;
      }
      target.set(bytes.subarray(spanStart, spanEnd), at);
      at += spanEnd - spanStart;
    }
    return at;
  }

  private plan(): number {
    const { table, rows, to, lengths } = this;
    let total = 0;
    let i = this.from;
    while (i < to) {
      const resource = table.resource(rows[i]!);
      const resourceAt = lengths.push(0) - 1;
      let resourceBytes = table.resources[resource]!.bytes;
      while (i < to && table.resource(rows[i]!) === resource) {
        const scope = table.scope[rows[i]!]!;
        let scopeBytes = table.scopes[scope]!.bytes;
        for (; i < to && table.scope[rows[i]!] === scope; i++) {
          scopeBytes += withHeader(table.end[rows[i]!]! - table.start[rows[i]!]!);
        }
        lengths.push(scopeBytes);
        resourceBytes += withHeader(scopeBytes);
      }
      lengths[resourceAt] = resourceBytes;
      total += withHeader(resourceBytes);
    }
    return total;
  }
}

/** Bytes of a nested message with its tag, which is of one byte, and its length. */
function withHeader(length: number): number {
  return 1 + varintLength(length) + length;
}

/** True when between `end` and the span of `row` there is just the shortest header that this span can have. */
function follows(table: SpanTable, row: number, end: number): boolean {
  return table.end[row]! - end === withHeader(table.end[row]! - table.start[row]!);
}

function writeHeader(target: Uint8Array, start: number, field: number, length: number): number {
  let at = start;
  target[at++] = (field << 3) | BYTES;
  let rest = length;
  for (; rest > 0x7f; rest >>= 7) target[at++] = rest | 0x80;
  target[at++] = rest;
  return at;
}

function writeEnvelope(target: Uint8Array, start: number, { parts }: Envelope): number {
  let at = start;
  for (const part of parts) {
    target.set(part, at);
    at += part.length;
  }
  return at;
}
