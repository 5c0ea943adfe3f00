/**
 * OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) to OTLP protobuf: ids in hex, enums as
 * integers, 64-bit integers as numbers or decimal strings, unknown fields ignored.
 */

import { base64Decode } from '@bufbuild/protobuf/wire';
import { parseHex } from '../ids.ts';
import { MAX_SPANS_PER_REQUEST } from '../limits.ts';
import type { RejectionReason } from '../reasons.ts';
import {
  ANY_VALUE,
  ARRAY_VALUE,
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
import { arrayAt, enumAt, JsonError, type JsonObject, numberAt, objectAt, stringAt, uint64At } from './json-access.ts';
import { TooManyError } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';
import { MAX_VALUE_DEPTH } from './walk.ts';

export interface JsonRejection {
  readonly reason: RejectionReason;
  /** Where and what, for example `resourceSpans[0].scopeSpans[0].spans[3].traceId: want 32 hex digits`. */
  readonly message: string;
}

/**
 * Encodes a parsed ExportTraceServiceRequest. A span that is wrong in itself is left out and listed; where the
 * structure around the spans is wrong, throws JsonError.
 */
export function encodeJsonTraces(request: unknown): { otlp: Uint8Array; rejections: JsonRejection[] } {
  const writer = new ProtoWriter(16_384);
  const rejections: JsonRejection[] = [];
  let count = 0;
  const root = objectAt(request, 'the body');
  for (const [resourceSpans, path] of arrayAt(root, 'resourceSpans', '')) {
    const start = writer.begin(TRACES_DATA.resourceSpans);
    const resource = resourceSpans.resource;
    if (resource != null) writeResource(writer, objectAt(resource, `${path}.resource`), `${path}.resource`);
    for (const [scopeSpans, scopePath] of arrayAt(resourceSpans, 'scopeSpans', path)) {
      const scopeStart = writer.begin(RESOURCE_SPANS.scopeSpans);
      const scope = scopeSpans.scope;
      if (scope != null) writeScope(writer, objectAt(scope, `${scopePath}.scope`), `${scopePath}.scope`);
      for (const [span, spanPath] of arrayAt(scopeSpans, 'spans', scopePath)) {
        if (++count > MAX_SPANS_PER_REQUEST) throw new TooManyError(`more than ${MAX_SPANS_PER_REQUEST} spans`);
        const rejection = writeSpan(writer, span, spanPath);
        if (rejection) rejections.push(rejection);
      }
      writeText(writer, SCOPE_SPANS.schemaUrl, scopeSpans, 'schemaUrl', scopePath);
      writer.end(scopeStart);
    }
    writeText(writer, RESOURCE_SPANS.schemaUrl, resourceSpans, 'schemaUrl', path);
    writer.end(start);
  }
  return { otlp: writer.finish(), rejections };
}

function writeResource(writer: ProtoWriter, resource: JsonObject, path: string): void {
  const start = writer.begin(RESOURCE_SPANS.resource);
  writeAttributes(writer, RESOURCE.attributes, resource, path, 0);
  writeCount(writer, RESOURCE.droppedAttributesCount, resource, 'droppedAttributesCount', path);
  writer.end(start);
}

function writeScope(writer: ProtoWriter, scope: JsonObject, path: string): void {
  const start = writer.begin(SCOPE_SPANS.scope);
  writeText(writer, SCOPE.name, scope, 'name', path);
  writeText(writer, SCOPE.version, scope, 'version', path);
  writeAttributes(writer, SCOPE.attributes, scope, path, 0);
  writeCount(writer, SCOPE.droppedAttributesCount, scope, 'droppedAttributesCount', path);
  writer.end(start);
}

/** Writes one span, or takes it back and says why. */
function writeSpan(writer: ProtoWriter, span: JsonObject, path: string): JsonRejection | null {
  const before = writer.length;
  try {
    const start = writer.begin(SCOPE_SPANS.spans);
    writeId(writer, SPAN.traceId, span, 'traceId', 16, path, 'invalid_trace_id');
    writeId(writer, SPAN.spanId, span, 'spanId', 8, path, 'invalid_span_id');
    writeText(writer, SPAN.traceState, span, 'traceState', path);
    if (span.parentSpanId != null && span.parentSpanId !== '') {
      writeId(writer, SPAN.parentSpanId, span, 'parentSpanId', 8, path, 'invalid_parent_span_id');
    }
    writeText(writer, SPAN.name, span, 'name', path);
    writer.varintField(SPAN.kind, enumAt(span, 'kind', 'SPAN_KIND_', SPAN_KIND_NAMES, path));
    writeTime(writer, SPAN.startTimeUnixNano, span, 'startTimeUnixNano', path);
    writeTime(writer, SPAN.endTimeUnixNano, span, 'endTimeUnixNano', path);
    writeAttributes(writer, SPAN.attributes, span, path, 0);
    writeCount(writer, SPAN.droppedAttributesCount, span, 'droppedAttributesCount', path);
    for (const [event, eventPath] of arrayAt(span, 'events', path)) writeEvent(writer, event, eventPath);
    writeCount(writer, SPAN.droppedEventsCount, span, 'droppedEventsCount', path);
    for (const [link, linkPath] of arrayAt(span, 'links', path)) writeLink(writer, link, linkPath);
    writeCount(writer, SPAN.droppedLinksCount, span, 'droppedLinksCount', path);
    if (span.status != null) writeStatus(writer, objectAt(span.status, `${path}.status`), `${path}.status`);
    const flags = numberAt(span, 'flags', path);
    if (flags > 0) writer.fixed32Field(SPAN.flags, flags);
    writer.end(start);
    return null;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    writer.truncate(before);
    return { reason: error.reason, message: error.message };
  }
}

const SPAN_KIND_NAMES = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUS_CODE_NAMES = ['UNSET', 'OK', 'ERROR'];

function writeEvent(writer: ProtoWriter, event: JsonObject, path: string): void {
  const start = writer.begin(SPAN.events);
  writeTime(writer, EVENT.timeUnixNano, event, 'timeUnixNano', path);
  writeText(writer, EVENT.name, event, 'name', path);
  writeAttributes(writer, EVENT.attributes, event, path, 0);
  writeCount(writer, EVENT.droppedAttributesCount, event, 'droppedAttributesCount', path);
  writer.end(start);
}

function writeLink(writer: ProtoWriter, link: JsonObject, path: string): void {
  const start = writer.begin(SPAN.links);
  writeId(writer, LINK.traceId, link, 'traceId', 16, path, 'malformed_span');
  writeId(writer, LINK.spanId, link, 'spanId', 8, path, 'malformed_span');
  writeText(writer, LINK.traceState, link, 'traceState', path);
  writeAttributes(writer, LINK.attributes, link, path, 0);
  writeCount(writer, LINK.droppedAttributesCount, link, 'droppedAttributesCount', path);
  const flags = numberAt(link, 'flags', path);
  if (flags > 0) writer.fixed32Field(LINK.flags, flags);
  writer.end(start);
}

function writeStatus(writer: ProtoWriter, status: JsonObject, path: string): void {
  const start = writer.begin(SPAN.status);
  writeText(writer, STATUS.message, status, 'message', path);
  writer.varintField(STATUS.code, enumAt(status, 'code', 'STATUS_CODE_', STATUS_CODE_NAMES, path));
  writer.end(start);
}

function writeAttributes(writer: ProtoWriter, field: number, owner: JsonObject, path: string, depth: number): void {
  for (const [attribute, attributePath] of arrayAt(owner, 'attributes', path)) {
    writeKeyValue(writer, field, attribute, attributePath, depth);
  }
}

function writeKeyValue(writer: ProtoWriter, field: number, pair: JsonObject, path: string, depth: number): void {
  const start = writer.begin(field);
  writeText(writer, KEY_VALUE.key, pair, 'key', path);
  if (pair.value != null) {
    writeValue(writer, KEY_VALUE.value, objectAt(pair.value, `${path}.value`), `${path}.value`, depth);
  }
  writer.end(start);
}

function writeValue(writer: ProtoWriter, field: number, value: JsonObject, path: string, depth: number): void {
  if (depth > MAX_VALUE_DEPTH) throw new JsonError(path, `nested deeper than ${MAX_VALUE_DEPTH}`);
  const start = writer.begin(field);
  if (value.stringValue != null) writer.stringField(ANY_VALUE.stringValue, stringAt(value, 'stringValue', path));
  else if (value.boolValue != null) writer.varintField(ANY_VALUE.boolValue, boolAt(value, path) ? 1 : 0);
  else if (value.intValue != null) writer.int64Field(ANY_VALUE.intValue, int64At(value, path));
  else if (value.doubleValue != null) writer.doubleField(ANY_VALUE.doubleValue, doubleAt(value, path));
  else if (value.bytesValue != null) writer.bytesField(ANY_VALUE.bytesValue, bytesAt(value, path));
  else if (value.arrayValue != null) {
    const array = writer.begin(ANY_VALUE.arrayValue);
    const arrayPath = `${path}.arrayValue`;
    for (const [item, itemPath] of arrayAt(objectAt(value.arrayValue, arrayPath), 'values', arrayPath)) {
      writeValue(writer, ARRAY_VALUE.values, item, itemPath, depth + 1);
    }
    writer.end(array);
  } else if (value.kvlistValue != null) {
    const list = writer.begin(ANY_VALUE.kvlistValue);
    const listPath = `${path}.kvlistValue`;
    for (const [pair, pairPath] of arrayAt(objectAt(value.kvlistValue, listPath), 'values', listPath)) {
      writeKeyValue(writer, ARRAY_VALUE.values, pair, pairPath, depth + 1);
    }
    writer.end(list);
  }
  writer.end(start);
}

function writeId(
  writer: ProtoWriter,
  field: number,
  owner: JsonObject,
  key: string,
  length: number,
  path: string,
  reason: RejectionReason,
): void {
  const text = owner[key];
  const bytes = typeof text === 'string' ? parseId(text, length) : null;
  if (bytes?.length !== length) throw new JsonError(`${path}.${key}`, `want ${length * 2} hex digits`, reason);
  writer.bytesField(field, bytes);
}

/** OTLP writes ids in hex; Connect's clients, as protobuf's own JSON does, in base64, which is of another length. */
function parseId(text: string, length: number): Uint8Array | null {
  if (text.length !== 4 * Math.ceil(length / 3)) return parseHex(text);
  try {
    return base64Decode(text);
  } catch {
    return null;
  }
}

function writeText(writer: ProtoWriter, field: number, owner: JsonObject, key: string, path: string): void {
  if (owner[key] == null || owner[key] === '') return;
  writer.stringField(field, stringAt(owner, key, path));
}

function writeCount(writer: ProtoWriter, field: number, owner: JsonObject, key: string, path: string): void {
  const count = numberAt(owner, key, path);
  if (count > 0) writer.varintField(field, count);
}

function writeTime(writer: ProtoWriter, field: number, owner: JsonObject, key: string, path: string): void {
  const nanos = uint64At(owner, key, path);
  if (nanos > 0n) writer.fixed64Field(field, nanos);
}

function int64At(value: JsonObject, path: string): bigint {
  const raw = value.intValue;
  if (typeof raw === 'number' ? Number.isInteger(raw) : typeof raw === 'string' && /^-?\d{1,19}$/.test(raw)) {
    const number = BigInt(raw as number | string);
    if (BigInt.asIntN(64, number) === number) return number;
  }
  throw new JsonError(`${path}.intValue`, 'want a 64-bit integer as a number or a decimal string');
}

function boolAt(value: JsonObject, path: string): boolean {
  if (typeof value.boolValue === 'boolean') return value.boolValue;
  throw new JsonError(`${path}.boolValue`, 'want true or false');
}

/** Protobuf's JSON takes numbers as text too. */
const DOUBLE = /^(?:NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

function doubleAt(value: JsonObject, path: string): number {
  const raw = value.doubleValue;
  if (typeof raw === 'number') return raw;
  if (typeof raw === 'string' && DOUBLE.test(raw)) return Number(raw);
  throw new JsonError(`${path}.doubleValue`, 'want a number');
}

function bytesAt(value: JsonObject, path: string): Uint8Array {
  try {
    return base64Decode(stringAt(value, 'bytesValue', path));
  } catch {
    throw new JsonError(`${path}.bytesValue`, 'want base64');
  }
}
