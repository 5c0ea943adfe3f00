/**
 * One pass over OTLP protobuf that finds where each span is and what the edge must know of it - ids, times, kind,
 * status, name, service - without decoding attributes. The result is a table with a column for each field, not an
 * object for each span; its offsets point into the scanned bytes.
 */

import { ANY_VALUE, KEY_VALUE, RESOURCE, RESOURCE_SPANS, SCOPE, SCOPE_SPANS, TRACES_DATA } from './fields.ts';
import { ProtoReader } from './proto-reader.ts';
import { BYTES } from './proto-writer.ts';
import { scanSpan } from './scan-span.ts';
import {
  type Envelope,
  KEY_CLASS,
  NO_LIMITS,
  type ScanLimits,
  type ScannedResource,
  type ScannedScope,
  SpanTable,
  textAt,
} from './span-table.ts';
import { expect, isUsualKeyValue, RESOURCE_TYPES, SCOPE_TYPES, walkChild } from './walk.ts';

/**
 * Scans `TracesData` or `ExportTraceServiceRequest` bytes. A span that is wrong in itself is marked in the table;
 * where the message around the spans is broken, throws ProtoError; where it has too much, TooManyError.
 */
export function scanTraces(bytes: Uint8Array, limits: ScanLimits = NO_LIMITS): SpanTable {
  const table = new SpanTable(bytes, limits);
  scanRange(table, 0, bytes.length);
  return table;
}

/** Adds to a table what the message in a range of its bytes has. Throws what `scanTraces` throws. */
export function scanRange(table: SpanTable, start: number, end: number): void {
  const reader = new ProtoReader(table.bytes, start);
  while (reader.next(end)) {
    if (reader.field === TRACES_DATA.resourceSpans) {
      expect(reader, BYTES, 'resource_spans');
      scanResourceSpans(table, reader, reader.valueStart, reader.valueEnd);
    }
  }
}

function scanResourceSpans(table: SpanTable, reader: ProtoReader, start: number, end: number): void {
  const resource: ScannedResource = {
    parts: [],
    bytes: 0,
    service: 'unknown_service',
    version: '',
    instance: '',
    isPage: false,
  };
  const ranges: number[] = [];
  const firstRow = table.count;
  const firstScope = table.scopes.length;
  table.checkEnvelopes();
  table.resources.push(resource);
  reader.position = start;
  while (true) {
    const fieldStart = reader.position;
    if (!reader.next(end)) break;
    if (reader.field === RESOURCE_SPANS.scopeSpans) {
      expect(reader, BYTES, 'scope_spans');
      const next = reader.valueEnd;
      scanScopeSpans(table, reader, reader.valueStart, next);
      reader.position = next;
      continue;
    }
    addRange(ranges, fieldStart, reader.valueEnd);
    if (reader.field === RESOURCE_SPANS.resource) {
      expect(reader, BYTES, 'resource');
      const { valueStart, valueEnd } = reader;
      walkChild(reader, valueEnd, RESOURCE.attributes, RESOURCE_TYPES);
      scanResource(resource, reader, valueStart, valueEnd);
    } else if (reader.field === RESOURCE_SPANS.schemaUrl) expect(reader, BYTES, 'schema_url');
  }
  closeEnvelope(resource, table.bytes, ranges);
  rejectTooLarge(table, resource, firstScope, firstRow);
}

/** What goes with every trace's slice must be small. Rejects the rows of a resource where it is not. */
function rejectTooLarge(table: SpanTable, resource: ScannedResource, firstScope: number, firstRow: number): void {
  const isTooLarge = (scope: number) => resource.bytes + table.scopes[scope]!.bytes > table.limits.envelopeBytes;
  let scope = firstScope;
  while (scope < table.scopes.length && !isTooLarge(scope)) scope++;
  if (scope === table.scopes.length) return;
  for (let i = firstRow; i < table.count; i++) if (isTooLarge(table.scope[i]!)) table.reject(i, 'resource_too_large');
}

/** Adds a field to ranges, which are a start and an end each; fields that stand side by side are one. */
function addRange(ranges: number[], start: number, end: number): void {
  if (ranges.at(-1) === start) ranges[ranges.length - 1] = end;
  else ranges.push(start, end);
}

function closeEnvelope(envelope: Envelope, bytes: Uint8Array, ranges: readonly number[]): void {
  for (let i = 0; i < ranges.length; i += 2) {
    const part = bytes.subarray(ranges[i], ranges[i + 1]);
    envelope.parts.push(part);
    envelope.bytes += part.length;
  }
}

function scanScopeSpans(table: SpanTable, reader: ProtoReader, start: number, end: number): void {
  const scope = table.scopes.length;
  table.checkEnvelopes();
  const envelope: ScannedScope = { resource: table.resources.length - 1, parts: [], bytes: 0 };
  const ranges: number[] = [];
  table.scopes.push(envelope);
  reader.position = start;
  while (true) {
    const fieldStart = reader.position;
    if (!reader.next(end)) break;
    if (reader.field !== SCOPE_SPANS.spans) {
      addRange(ranges, fieldStart, reader.valueEnd);
      if (reader.field === SCOPE_SPANS.scope || reader.field === SCOPE_SPANS.schemaUrl) {
        expect(reader, BYTES, 'scope or schema_url');
      }
      if (reader.field === SCOPE_SPANS.scope) walkChild(reader, reader.valueEnd, SCOPE.attributes, SCOPE_TYPES);
      continue;
    }
    expect(reader, BYTES, 'spans');
    const next = reader.valueEnd;
    scanSpan(table, reader, scope, reader.valueStart, next);
    reader.position = next;
  }
  closeEnvelope(envelope, table.bytes, ranges);
}

/** Reads again of a resource whose parts were changed what the edge must know. */
export function rereadResource(resource: ScannedResource): void {
  resource.version = resource.instance = '';
  for (const part of resource.parts) {
    const reader = new ProtoReader(part);
    while (reader.next(part.length)) {
      if (reader.field === RESOURCE_SPANS.resource) scanResource(resource, reader, reader.valueStart, reader.valueEnd);
    }
  }
}

/** Reads of a resource's attributes what the edge must know; leaves the reader at `end`. */
function scanResource(resource: ScannedResource, reader: ProtoReader, start: number, end: number): void {
  reader.position = start;
  while (reader.next(end)) {
    if (reader.field !== RESOURCE.attributes) continue;
    const { valueStart, valueEnd } = reader;
    if (isUsualKeyValue(reader.bytes, valueStart, valueEnd)) {
      if (!KEY_LENGTHS.has(reader.bytes[valueStart + 1]!)) continue;
    }
    const service = textOf(reader, valueStart, valueEnd, SERVICE_NAME_CODES);
    if (service) resource.service = service;
    resource.version = textOf(reader, valueStart, valueEnd, SERVICE_VERSION_CODES) ?? resource.version;
    resource.instance = textOf(reader, valueStart, valueEnd, SERVICE_INSTANCE_CODES) ?? resource.instance;
    if (textOf(reader, valueStart, valueEnd, KEY_CLASS_CODES) === 'page') resource.isPage = true;
    reader.position = valueEnd;
  }
}

const toCodes = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const SERVICE_NAME_CODES = toCodes('service.name');
const SERVICE_VERSION_CODES = toCodes('service.version');
const SERVICE_INSTANCE_CODES = toCodes('service.instance.id');
const KEY_CLASS_CODES = toCodes(KEY_CLASS);
const KEY_LENGTHS: ReadonlySet<number> = new Set(
  [SERVICE_NAME_CODES, SERVICE_VERSION_CODES, SERVICE_INSTANCE_CODES, KEY_CLASS_CODES].map(({ length }) => length),
);

/** The text of the KeyValue at a range, when its key has these ASCII codes and its value is a string; else null. */
function textOf(reader: ProtoReader, start: number, end: number, codes: readonly number[]): string | null {
  let isKey = false;
  let textStart = -1;
  let textEnd = -1;
  reader.position = start;
  while (reader.next(end)) {
    const { valueStart, valueEnd } = reader;
    if (reader.field === KEY_VALUE.key) {
      isKey = valueEnd - valueStart === codes.length && codes.every((code, i) => reader.bytes[valueStart + i] === code);
    } else if (reader.field === KEY_VALUE.value) {
      reader.position = valueStart;
      while (reader.next(valueEnd)) {
        const field: number = reader.field;
        if (field > ANY_VALUE.bytesValue) continue;
        textStart = field === ANY_VALUE.stringValue ? reader.valueStart : -1;
        textEnd = reader.valueEnd;
      }
    }
  }
  return isKey && textStart !== -1 ? textAt(reader.bytes, textStart, textEnd) : null;
}
