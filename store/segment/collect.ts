/**
 * Finds the terms of traces in their OTLP: one walk that decodes only the attributes not seen before, by the same code that
 * decodes spans for the API where they are in any way unusual.
 */

import { fromBinary } from '@bufbuild/protobuf';
import { decodeAttributes } from '../../model/otlp/attributes.ts';
import { SPAN } from '../../model/otlp/fields.ts';
import { KeyValueSchema, ResourceSpansSchema } from '../../model/otlp/gen/trace_pb.js';
import { mergedRows } from '../../model/otlp/merge.ts';
import { ProtoError, ProtoReader } from '../../model/otlp/proto-reader.ts';
import { BYTES } from '../../model/otlp/proto-writer.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import { isUsualKeyValue } from '../../model/otlp/walk.ts';
import { encodeIndexKey } from '../../model/query/index-key.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { Attributes, AttributeValue } from '../../model/span.ts';
import { serviceOf } from '../../model/tree.ts';
import { InternTable } from '../intern-table.ts';
import { Ints } from './ints.ts';
import { Items, NO_ITEM } from './items.ts';
import { encodeName, KINDS, type Kind, MAX_ATTRIBUTE_KEY_BYTES } from './term-key.ts';
import { encodeUsualValue } from './usual-value.ts';

/** Salts of the table of bytes as they came. */
const ATTRIBUTE = 0;
const NAME = 1;
const RESOURCE = 2;
/** Kinds that one item can be a term of, and which it is; the same item is never a name and an attribute. */
const SLOTS = 4;
const SLOT: Readonly<Record<Kind, number>> = {
  [KINDS.service]: 0,
  [KINDS.operation]: 1,
  [KINDS.rootService]: 2,
  [KINDS.rootOperation]: 3,
  [KINDS.pair]: 0,
  [KINDS.span]: 0,
  [KINDS.resource]: 1,
  [KINDS.root]: 2,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

interface Resource {
  readonly service: number;
  readonly attributes: readonly number[];
}

export class TermCollector {
  readonly items = new Items();
  private readonly table = new InternTable();
  private readonly resources: Resource[] = [];
  /** Terms of all traces, each as an item and a slot, trace after trace. */
  private readonly marks = new Ints();
  private readonly traceEnds = new Ints();
  /** The last trace each term was marked for. */
  private readonly lastTrace = new Ints(-1);
  /** Of the current span: its attributes, and where each key is among them. */
  private readonly attributes = new Ints();
  private readonly keyPlace = new Ints();
  private readonly keySpan = new Ints();
  private spanCount = 0;

  /** The next trace. Of one that cannot be read no terms are known. */
  add(otlp: Uint8Array): void {
    const start = this.marks.length;
    try {
      const table = scanTraces(otlp);
      this.addSpans(table, mergedRows(table));
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      this.marks.length = start;
    }
    this.traceEnds.push(this.marks.length);
  }

  /** Which traces have each term, as ranges of a list: term `t` has `traces[starts[t]]` to `traces[starts[t + 1] - 1]`. */
  postings(): { traces: Int32Array; starts: Int32Array } {
    const starts = new Int32Array(this.items.count * SLOTS + 1);
    const traces = new Int32Array(this.marks.length);
    const { values } = this.marks;
    for (let i = 0; i < this.marks.length; i++) starts[values[i]! + 1]!++;
    for (let term = 0; term < starts.length - 1; term++) starts[term + 1]! += starts[term]!;
    const next = starts.slice();
    for (let trace = 0, i = 0; trace < this.traceEnds.length; trace++) {
      for (const end = this.traceEnds.values[trace]!; i < end; i++) traces[next[values[i]!]!++] = trace;
    }
    return { traces, starts };
  }

  /** The number of an item's term of a kind. */
  termOf(item: number, kind: Kind): number {
    return item * SLOTS + SLOT[kind];
  }

  private addSpans(table: SpanTable, rows: Int32Array): void {
    const resources = table.resources.map(({ parts }) => this.resourceOf(parts));
    const root = findRoot(table, rows);
    const reader = new ProtoReader(table.bytes);
    for (const row of rows) {
      const resource = resources[table.resource(row)]!;
      const operation = this.nameOf(table.bytes, table.nameStart[row]!, table.nameEnd[row]!);
      this.mark(resource.service, KINDS.service);
      this.mark(operation, KINDS.operation);
      this.mark(this.items.pair(resource.service, operation), KINDS.pair);
      for (const attribute of resource.attributes) this.markAttribute(attribute, KINDS.resource);
      this.readAttributes(reader, table.start[row]!, table.end[row]!);
      for (let i = 0; i < this.attributes.length; i++) this.markAttribute(this.attributes.values[i]!, KINDS.span);
      if (row !== root) continue;
      this.mark(resource.service, KINDS.rootService);
      this.mark(operation, KINDS.rootOperation);
      for (const attribute of resource.attributes) this.markAttribute(attribute, KINDS.root);
      for (let i = 0; i < this.attributes.length; i++) this.markAttribute(this.attributes.values[i]!, KINDS.root);
    }
  }

  private markAttribute(item: number, kind: Kind): void {
    this.mark(item, kind);
    this.mark(this.items.first.values[item]!, kind);
  }

  private mark(item: number, kind: Kind): void {
    const term = this.termOf(item, kind);
    this.lastTrace.reserve(term + 1);
    if (this.lastTrace.values[term] === this.traceEnds.length) return;
    this.lastTrace.values[term] = this.traceEnds.length;
    this.marks.push(term);
  }

  /** The attributes of the span at a range; of those with the same key the last counts. */
  private readAttributes(reader: ProtoReader, start: number, end: number): void {
    const { attributes, keyPlace, keySpan } = this;
    const span = ++this.spanCount;
    attributes.length = 0;
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field !== SPAN.attributes || reader.wireType !== BYTES) continue;
      const item = this.attributeOf(reader.bytes, reader.valueStart, reader.valueEnd);
      if (item === NO_ITEM) continue;
      const key = this.items.first.values[item]!;
      keyPlace.reserve(key + 1);
      keySpan.reserve(key + 1);
      if (keySpan.values[key] === span) attributes.values[keyPlace.values[key]!] = item;
      else {
        keySpan.values[key] = span;
        keyPlace.values[key] = attributes.length;
        attributes.push(item);
      }
    }
  }

  /** The item of the KeyValue at a range. */
  private attributeOf(bytes: Uint8Array, start: number, end: number): number {
    let item = this.table.find(ATTRIBUTE, bytes, start, end);
    if (item !== -1) return item;
    item = this.decodeUsual(bytes, start, end);
    if (item === NO_ITEM) {
      const keyValue = decode(() => fromBinary(KeyValueSchema, bytes.subarray(start, end)));
      for (const [key, value] of Object.entries(decodeAttributes([keyValue]))) item = this.itemOf(key, value);
    }
    if (item !== NO_ITEM) this.table.add(ATTRIBUTE, bytes, start, end, item);
    return item;
  }

  private decodeUsual(bytes: Uint8Array, start: number, end: number): number {
    if (!isUsualKeyValue(bytes, start, end)) return NO_ITEM;
    const keyStart = start + 2;
    const keyEnd = keyStart + bytes[start + 1]!;
    for (let i = keyStart; i < keyEnd; i++) if (bytes[i]! > 0x7f) return NO_ITEM;
    const value = encodeUsualValue(bytes, keyEnd + (bytes[keyEnd + 1]! > 0x7f ? 3 : 2), end);
    if (value === null) return NO_ITEM;
    return this.items.after(this.items.key(bytes, keyStart, keyEnd), value.bytes, 0, value.length);
  }

  private itemOf(key: string, value: AttributeValue): number {
    const bytes = encoder.encode(key);
    if (bytes.length > MAX_ATTRIBUTE_KEY_BYTES) return NO_ITEM;
    return this.items.after(this.items.key(bytes), encodeIndexKey(value));
  }

  private nameOf(bytes: Uint8Array, start: number, end: number): number {
    let item = this.table.find(NAME, bytes, start, end);
    if (item !== -1) return item;
    item = this.items.name(encodeName(decoder.decode(bytes.subarray(start, end))));
    this.table.add(NAME, bytes, start, end, item);
    return item;
  }

  private resourceOf(parts: readonly Uint8Array[]): Resource {
    const bytes = parts.length === 1 ? parts[0]! : concatBytes(parts);
    const found = this.table.find(RESOURCE, bytes, 0, bytes.length);
    if (found !== -1) return this.resources[found]!;
    const { resource } = decode(() => fromBinary(ResourceSpansSchema, bytes));
    const attributes: Attributes = decodeAttributes(resource?.attributes ?? []);
    const decoded: Resource = {
      service: this.items.name(encodeName(serviceOf({ resource: { attributes } }))),
      attributes: Object.entries(attributes)
        .map(([key, value]) => this.itemOf(key, value))
        .filter((item) => item !== NO_ITEM),
    };
    this.table.add(RESOURCE, bytes, 0, bytes.length, this.resources.push(decoded) - 1);
    return decoded;
  }
}

/** The root span's row, of several the earliest one's, of none the earliest span's; -1 of no spans. */
function findRoot({ parentIdAt, startUs }: SpanTable, rows: Int32Array): number {
  let best = -1;
  for (const row of rows) {
    const isRoot = parentIdAt[row] === -1;
    const isBetter = best === -1 || (isRoot === (parentIdAt[best] === -1) ? startUs[row]! < startUs[best]! : isRoot);
    if (isBetter) best = row;
  }
  return best;
}

/** What cannot be decoded was no OTLP, whatever is thrown. */
function decode<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ProtoError(error instanceof Error ? error.message : 'not OTLP', 0);
  }
}
