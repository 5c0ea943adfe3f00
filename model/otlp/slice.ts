/** Cuts spans out of a scanned message: every output is again valid OTLP `TracesData`, and each span is copied once. */

import { RESOURCE_SPANS, SCOPE_SPANS, TRACES_DATA } from './fields.ts';
import { type ProtoWriter, varintLength } from './proto-writer.ts';
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

/** Bytes that `writeRows` writes. */
export function measureRows(table: SpanTable, rows: Int32Array, from: number, to: number): number {
  return planRows(table, rows, from, to);
}

/** Writes rows `from` to `to` - 1 of `rows` (ascending) as `TracesData`, each under its resource and scope as they were. */
export function writeRows(writer: ProtoWriter, table: SpanTable, rows: Int32Array, from = 0, to = rows.length): void {
  planRows(table, rows, from, to);
  let planned = 0;
  let scope = -1;
  let resource = -1;
  for (let i = from; i < to; i++) {
    const row = rows[i]!;
    if (table.scope[row] !== scope) {
      scope = table.scope[row]!;
      if (table.resource(row) !== resource) {
        resource = table.resource(row);
        writer.header(TRACES_DATA.resourceSpans, plan[planned++]!);
        writeEnvelope(writer, table.bytes, table.resources[resource]!);
      }
      writer.header(RESOURCE_SPANS.scopeSpans, plan[planned++]!);
      writeEnvelope(writer, table.bytes, table.scopes[scope]!);
    }
    const start = table.start[row]!;
    let end = table.end[row]!;
    writer.header(SCOPE_SPANS.spans, end - start);
    // Spans that stand side by side, each after nothing but its own header, are copied together.
    while (i + 1 < to && table.scope[rows[i + 1]!] === scope && follows(table, rows[i + 1]!, end))
      end = table.end[rows[++i]!]!;
    writer.range(table.bytes, start, end);
  }
}

/** Lengths of the messages around the spans, resource by resource, each before those of its scopes. */
let plan = new Int32Array(64);

/** Fills the plan for these rows and returns their length. */
function planRows(table: SpanTable, rows: Int32Array, from: number, to: number): number {
  let planned = 0;
  let length = 0;
  let scope = -1;
  let resource = -1;
  let scopeAt = 0;
  let resourceAt = 0;
  const closeScope = () => {
    plan[resourceAt]! += 1 + varintLength(plan[scopeAt]!) + plan[scopeAt]!;
  };
  const closeResource = () => {
    length += 1 + varintLength(plan[resourceAt]!) + plan[resourceAt]!;
  };
  for (let i = from; i < to; i++) {
    const row = rows[i]!;
    if (table.scope[row] !== scope) {
      if (planned + 2 > plan.length) plan = grow(plan);
      if (scope !== -1) closeScope();
      scope = table.scope[row]!;
      if (table.resource(row) !== resource) {
        if (resource !== -1) closeResource();
        resource = table.resource(row);
        resourceAt = planned++;
        plan[resourceAt] = table.resources[resource]!.bytes;
      }
      scopeAt = planned++;
      plan[scopeAt] = table.scopes[scope]!.bytes;
    }
    const bytes = table.end[row]! - table.start[row]!;
    plan[scopeAt]! += 1 + varintLength(bytes) + bytes;
  }
  if (scope !== -1) {
    closeScope();
    closeResource();
  }
  return length;
}

function grow(array: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  return grown;
}

/** True when between `end` and the span of `row` there is just the shortest header that this span can have. */
function follows(table: SpanTable, row: number, end: number): boolean {
  const start = table.start[row]!;
  return start - end === 1 + varintLength(table.end[row]! - start);
}

function writeEnvelope(writer: ProtoWriter, bytes: Uint8Array, envelope: Envelope): void {
  for (const { start, end } of envelope.ranges) writer.range(bytes, start, end);
}
