/** Cuts spans out of a scanned message: every output is again valid OTLP `TracesData`, and each span is copied once. */

import { RESOURCE_SPANS, SCOPE_SPANS, TRACES_DATA } from './fields.ts';
import type { ProtoWriter } from './proto-writer.ts';
import type { Envelope, SpanTable } from './span-table.ts';

/** Good rows of a table by trace, in the order in which the traces first appear. */
export interface TraceGroup {
  /** Row whose 16 bytes at `table.traceIdAt[first]` are the trace id. */
  readonly first: number;
  /** Rows in the table's order. */
  readonly rows: number[];
}

/** Groups the rows that are not rejected by trace id. */
export function groupByTrace(table: SpanTable): TraceGroup[] {
  const { bytes, traceIdAt } = table;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups: TraceGroup[] = [];
  // Trace ids are random, so 32 bits of one nearly always tell it; those that agree there are told apart below.
  const byPrefix = new Map<number, TraceGroup[]>();
  let previous: TraceGroup | undefined;
  for (let row = 0; row < table.count; row++) {
    if (table.rejection(row) !== null) continue;
    const at = traceIdAt[row]!;
    if (previous && sameTraceId(bytes, traceIdAt[previous.first]!, at)) {
      previous.rows.push(row);
      continue;
    }
    const prefix = view.getUint32(at + 12, true);
    const candidates = byPrefix.get(prefix);
    let group = candidates?.find((candidate) => sameTraceId(bytes, traceIdAt[candidate.first]!, at));
    if (group) group.rows.push(row);
    else {
      group = { first: row, rows: [row] };
      groups.push(group);
      if (candidates) candidates.push(group);
      else byPrefix.set(prefix, [group]);
    }
    previous = group;
  }
  return groups;
}

function sameTraceId(bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; i < 16; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/** Writes `rows` of `table` (ascending) as `TracesData`, each under its resource and scope as they were. */
export function writeRows(writer: ProtoWriter, table: SpanTable, rows: readonly number[]): void {
  let resource = -1;
  let scope = -1;
  let resourceStart = 0;
  let scopeStart = 0;
  for (const row of rows) {
    const rowScope = table.scope[row]!;
    if (rowScope !== scope) {
      if (scope !== -1) writer.end(scopeStart);
      const rowResource = table.scopes[rowScope]!.resource;
      if (rowResource !== resource) {
        if (resource !== -1) writer.end(resourceStart);
        resource = rowResource;
        resourceStart = writer.begin(TRACES_DATA.resourceSpans);
        writeEnvelope(writer, table.bytes, table.resources[resource]!);
      }
      scope = rowScope;
      scopeStart = writer.begin(RESOURCE_SPANS.scopeSpans);
      writeEnvelope(writer, table.bytes, table.scopes[scope]!);
    }
    writer.bytesField(SCOPE_SPANS.spans, table.bytes.subarray(table.start[row]!, table.end[row]!));
  }
  if (scope !== -1) {
    writer.end(scopeStart);
    writer.end(resourceStart);
  }
}

function writeEnvelope(writer: ProtoWriter, bytes: Uint8Array, envelope: Envelope): void {
  for (const { start, end } of envelope.ranges) writer.raw(bytes.subarray(start, end));
}
