/**
 * One pass over OTLP protobuf that finds where each span is and what the edge must know of it - ids, times, kind,
 * status, name, service - without decoding attributes. The result is a table with a column for each field, not an
 * object for each span; its offsets point into the scanned bytes.
 */

import { isZero } from '../ids.ts';
import type { RejectionReason } from '../reasons.ts';
import {
  ANY_VALUE,
  EVENT,
  KEY_VALUE,
  LINK,
  RESOURCE,
  RESOURCE_SPANS,
  SCOPE,
  SCOPE_SPANS,
  SPAN,
  STATUS,
  TRACES_DATA,
} from './fields.ts';
import { microsAt, ProtoError, ProtoReader } from './proto-reader.ts';
import { BYTES, FIXED32, FIXED64, VARINT } from './proto-writer.ts';
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
import {
  EVENT_TYPES,
  expect,
  isUsualKeyValue,
  LINK_TYPES,
  RESOURCE_TYPES,
  SCOPE_TYPES,
  walkChild,
  walkKeyValue,
} from './walk.ts';

/** Times beyond the integers a JSON number holds, in the year 2255, are impossible. */
const MAX_TIME_US = Number.MAX_SAFE_INTEGER;

const tagOf = (field: number, wireType: number) => (field << 3) | wireType;
const TAG_TRACE_ID = tagOf(SPAN.traceId, BYTES);
const TAG_SPAN_ID = tagOf(SPAN.spanId, BYTES);
const TAG_PARENT = tagOf(SPAN.parentSpanId, BYTES);
const TAG_NAME = tagOf(SPAN.name, BYTES);
const TAG_KIND = tagOf(SPAN.kind, VARINT);
const FIXED64_START = tagOf(SPAN.startTimeUnixNano, FIXED64);
const FIXED64_END = tagOf(SPAN.endTimeUnixNano, FIXED64);
const TAG_ATTRIBUTES = tagOf(SPAN.attributes, BYTES);

/**
 * Scans `TracesData` or `ExportTraceServiceRequest` bytes. A span that is wrong in itself is marked in the table;
 * where the message around the spans is broken, throws ProtoError; where it has too much, TooManyError.
 */
export function scanTraces(bytes: Uint8Array, limits: ScanLimits = NO_LIMITS): SpanTable {
  const table = new SpanTable(bytes, limits);
  const reader = new ProtoReader(bytes);
  while (reader.next(bytes.length)) {
    if (reader.field === TRACES_DATA.resourceSpans) {
      expect(reader, BYTES, 'resource_spans');
      scanResourceSpans(table, reader, reader.valueStart, reader.valueEnd);
    }
  }
  return table;
}

function scanResourceSpans(table: SpanTable, reader: ProtoReader, start: number, end: number): void {
  const resource: ScannedResource = { ranges: [], bytes: 0, service: 'unknown_service', isPage: false };
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
    addRange(resource, fieldStart, reader.valueEnd);
    if (reader.field === RESOURCE_SPANS.resource) {
      expect(reader, BYTES, 'resource');
      const { valueStart, valueEnd } = reader;
      walkChild(reader, valueEnd, RESOURCE.attributes, RESOURCE_TYPES);
      scanResource(resource, reader, valueStart, valueEnd);
    } else if (reader.field === RESOURCE_SPANS.schemaUrl) expect(reader, BYTES, 'schema_url');
  }
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

/** Fields that stand side by side are one range. */
function addRange(envelope: Envelope, start: number, end: number): void {
  const last = envelope.ranges.at(-1);
  if (last?.end === start) last.end = end;
  else envelope.ranges.push({ start, end });
  envelope.bytes += end - start;
}

function scanScopeSpans(table: SpanTable, reader: ProtoReader, start: number, end: number): void {
  const scope = table.scopes.length;
  table.checkEnvelopes();
  const envelope: ScannedScope = { resource: table.resources.length - 1, ranges: [], bytes: 0 };
  table.scopes.push(envelope);
  reader.position = start;
  while (true) {
    const fieldStart = reader.position;
    if (!reader.next(end)) break;
    if (reader.field !== SCOPE_SPANS.spans) {
      addRange(envelope, fieldStart, reader.valueEnd);
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
}

function scanSpan(table: SpanTable, reader: ProtoReader, scope: number, start: number, end: number): void {
  const i = table.addRow();
  table.start[i] = start;
  table.end[i] = end;
  table.scope[i] = scope;
  reader.position = start;
  try {
    const reason = end - start > table.limits.spanBytes ? 'span_too_large' : scanSpanFields(table, reader, i, end);
    if (reason !== null) table.reject(i, reason);
  } catch (error) {
    if (!(error instanceof ProtoError)) throw error;
    table.reject(i, 'malformed_span');
  }
}

function scanSpanFields(table: SpanTable, reader: ProtoReader, i: number, end: number): RejectionReason | null {
  let reason: RejectionReason | null = null;
  while (true) {
    reader.position = skipUsualFields(table, i, reader.position, end);
    if (!reader.next(end)) break;
    const length = reader.valueEnd - reader.valueStart;
    switch (reader.field) {
      case SPAN.traceId:
        expect(reader, BYTES, 'trace_id');
        if (length !== 16) reason ??= 'invalid_trace_id';
        else table.traceIdAt[i] = reader.valueStart;
        break;
      case SPAN.spanId:
        expect(reader, BYTES, 'span_id');
        if (length !== 8) reason ??= 'invalid_span_id';
        else table.spanIdAt[i] = reader.valueStart;
        break;
      case SPAN.parentSpanId:
        expect(reader, BYTES, 'parent_span_id');
        if (length !== 8 && length !== 0) reason ??= 'invalid_parent_span_id';
        else if (length === 8 && !isZero(reader.bytes, reader.valueStart, 8)) table.parentIdAt[i] = reader.valueStart;
        break;
      case SPAN.name:
        expect(reader, BYTES, 'name');
        table.nameStart[i] = reader.valueStart;
        table.nameEnd[i] = reader.valueEnd;
        break;
      case SPAN.kind:
        expect(reader, VARINT, 'kind');
        table.kind[i] = reader.varint <= 5 ? reader.varint : 0;
        break;
      case SPAN.startTimeUnixNano:
        expect(reader, FIXED64, 'start_time_unix_nano');
        table.startUs[i] = reader.fixed64Micros();
        break;
      case SPAN.endTimeUnixNano:
        expect(reader, FIXED64, 'end_time_unix_nano');
        table.endUs[i] = reader.fixed64Micros();
        break;
      case SPAN.flags:
        expect(reader, FIXED32, 'flags');
        break;
      case SPAN.status: {
        expect(reader, BYTES, 'status');
        table.status[i] = scanStatusCode(reader, reader.valueEnd);
        break;
      }
      case SPAN.attributes:
        expect(reader, BYTES, 'attributes');
        walkKeyValue(reader, reader.valueEnd, 0);
        break;
      case SPAN.events:
        expect(reader, BYTES, 'events');
        walkChild(reader, reader.valueEnd, EVENT.attributes, EVENT_TYPES);
        break;
      case SPAN.links:
        expect(reader, BYTES, 'links');
        walkChild(reader, reader.valueEnd, LINK.attributes, LINK_TYPES);
        break;
      case SPAN.traceState:
        expect(reader, BYTES, 'trace_state');
        table.traceStateStart[i] = reader.valueStart;
        table.traceStateEnd[i] = reader.valueEnd;
        break;
      case SPAN.droppedAttributesCount:
      case SPAN.droppedEventsCount:
      case SPAN.droppedLinksCount:
        expect(reader, VARINT, 'a dropped count');
        break;
    }
  }
  if (reason !== null) return reason;
  if (table.traceIdAt[i] === -1 || isZero(reader.bytes, table.traceIdAt[i]!, 16)) return 'invalid_trace_id';
  if (table.spanIdAt[i] === -1 || isZero(reader.bytes, table.spanIdAt[i]!, 8)) return 'invalid_span_id';
  if (table.startUs[i] === 0 || table.startUs[i]! > MAX_TIME_US || table.endUs[i]! > MAX_TIME_US) return 'invalid_time';
  return null;
}

/**
 * Takes in the fields from `start` on that are as nearly all are - known, of the right type, with a tag and a length of one
 * byte each - and returns where the first other one begins, or `end`. What it takes in, the general code would as well.
 */
function skipUsualFields(table: SpanTable, i: number, start: number, end: number): number {
  const { bytes, view } = table;
  let at = start;
  while (at + 2 <= end) {
    const tag = bytes[at]!;
    const second = bytes[at + 1]!;
    // The length, or a varint's only byte.
    if (tag === FIXED64_START || tag === FIXED64_END) {
      if (at + 9 > end) return at;
      const us = microsAt(view, at + 1);
      if (tag === FIXED64_START) table.startUs[i] = us;
      else table.endUs[i] = us;
      at += 9;
      continue;
    }
    if (second > 0x7f) {
      if (tag !== TAG_ATTRIBUTES || at + 3 > end || bytes[at + 2]! > 0x7f) return at;
      const next = at + 3 + (second & 0x7f) + (bytes[at + 2]! << 7);
      if (next > end || !isUsualKeyValue(bytes, at + 3, next)) return at;
      at = next;
      continue;
    }
    if (tag === TAG_KIND) {
      table.kind[i] = second <= 5 ? second : 0;
      at += 2;
      continue;
    }
    const next = at + 2 + second;
    if (next > end) return at;
    switch (tag) {
      case TAG_ATTRIBUTES:
        if (!isUsualKeyValue(bytes, at + 2, next)) return at;
        break;
      case TAG_TRACE_ID:
        if (second !== 16) return at;
        table.traceIdAt[i] = at + 2;
        break;
      case TAG_SPAN_ID:
        if (second !== 8) return at;
        table.spanIdAt[i] = at + 2;
        break;
      case TAG_PARENT:
        if (second !== 8) return at;
        if (!isZero(bytes, at + 2, 8)) table.parentIdAt[i] = at + 2;
        break;
      case TAG_NAME:
        table.nameStart[i] = at + 2;
        table.nameEnd[i] = next;
        break;
      default:
        return at;
    }
    at = next;
  }
  return at;
}

function scanStatusCode(reader: ProtoReader, end: number): number {
  let code = 0;
  reader.position = reader.valueStart;
  while (reader.next(end)) {
    if (reader.field === STATUS.code) {
      expect(reader, VARINT, 'status.code');
      code = reader.varint <= 2 ? reader.varint : 0;
    } else if (reader.field === STATUS.message) expect(reader, BYTES, 'status.message');
  }
  return code;
}

/** Reads of a resource's attributes what the edge must know. */
function scanResource(resource: ScannedResource, reader: ProtoReader, start: number, end: number): void {
  reader.position = start;
  while (reader.next(end)) {
    if (reader.field !== RESOURCE.attributes) continue;
    const { valueStart, valueEnd } = reader;
    const service = textOf(reader, valueStart, valueEnd, SERVICE_NAME_CODES);
    if (service) resource.service = service;
    if (textOf(reader, valueStart, valueEnd, KEY_CLASS_CODES) === 'page') resource.isPage = true;
    reader.position = valueEnd;
  }
}

const toCodes = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const SERVICE_NAME_CODES = toCodes('service.name');
const KEY_CLASS_CODES = toCodes(KEY_CLASS);

/** The text of the KeyValue at a range, when its key has these ASCII codes and its value is a string; else null. */
function textOf(reader: ProtoReader, start: number, end: number, codes: readonly number[]): string | null {
  let isKey = false;
  let text: string | null = null;
  reader.position = start;
  while (reader.next(end)) {
    const { valueStart, valueEnd } = reader;
    if (reader.field === KEY_VALUE.key) {
      isKey = valueEnd - valueStart === codes.length && codes.every((code, i) => reader.bytes[valueStart + i] === code);
    } else if (reader.field === KEY_VALUE.value && isKey) {
      reader.position = valueStart;
      while (reader.next(valueEnd)) {
        const field: number = reader.field;
        if (field === ANY_VALUE.stringValue) text = textAt(reader.bytes, reader.valueStart, reader.valueEnd);
      }
    }
  }
  return isKey ? text : null;
}
