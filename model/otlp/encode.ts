/** Encodes spans of our own SDKs as OTLP. `TracesData` and `ExportTraceServiceRequest` have the same bytes. */

import type { SpanData, SpanDataAttributes, SpanDataValue } from '../span-data.ts';
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
import { ProtoWriter } from './proto-writer.ts';

/** OTLP `TracesData` bytes of `spans`, grouped by their scope in order of first appearance. */
export function encodeTracesData(resource: SpanDataAttributes, spans: readonly SpanData[]): Uint8Array {
  const writer = new ProtoWriter(512 + spans.length * 256);
  const resourceSpans = writer.begin(TRACES_DATA.resourceSpans);
  const resourceStart = writer.begin(RESOURCE_SPANS.resource);
  writeAttributes(writer, RESOURCE.attributes, resource);
  writer.end(resourceStart);
  for (const [scope, members] of groupByScope(spans)) {
    const scopeSpans = writer.begin(RESOURCE_SPANS.scopeSpans);
    const scopeStart = writer.begin(SCOPE_SPANS.scope);
    writer.stringField(SCOPE.name, scope);
    writer.end(scopeStart);
    for (const span of members) writeSpan(writer, span);
    writer.end(scopeSpans);
  }
  writer.end(resourceSpans);
  return writer.finish();
}

function groupByScope(spans: readonly SpanData[]): Map<string, SpanData[]> {
  const groups = new Map<string, SpanData[]>();
  for (const span of spans) {
    const group = groups.get(span.scope);
    if (group) group.push(span);
    else groups.set(span.scope, [span]);
  }
  return groups;
}

function writeSpan(writer: ProtoWriter, span: SpanData): void {
  const start = writer.begin(SCOPE_SPANS.spans);
  writer.bytesField(SPAN.traceId, span.traceId);
  writer.bytesField(SPAN.spanId, span.spanId);
  if (span.traceState !== '') writer.stringField(SPAN.traceState, span.traceState);
  if (span.parentSpanId) writer.bytesField(SPAN.parentSpanId, span.parentSpanId);
  writer.stringField(SPAN.name, span.name);
  writer.varintField(SPAN.kind, span.kind);
  writer.microsField(SPAN.startTimeUnixNano, span.startUs);
  if (span.endUs !== null) writer.microsField(SPAN.endTimeUnixNano, span.endUs);
  writeAttributes(writer, SPAN.attributes, span.attributes);
  if (span.droppedAttributes > 0) writer.varintField(SPAN.droppedAttributesCount, span.droppedAttributes);
  for (const event of span.events) {
    const eventStart = writer.begin(SPAN.events);
    writer.microsField(EVENT.timeUnixNano, event.timeUs);
    writer.stringField(EVENT.name, event.name);
    writeAttributes(writer, EVENT.attributes, event.attributes);
    writer.end(eventStart);
  }
  if (span.droppedEvents > 0) writer.varintField(SPAN.droppedEventsCount, span.droppedEvents);
  for (const link of span.links) {
    const linkStart = writer.begin(SPAN.links);
    writer.bytesField(LINK.traceId, link.traceId);
    writer.bytesField(LINK.spanId, link.spanId);
    writeAttributes(writer, LINK.attributes, link.attributes);
    writer.end(linkStart);
  }
  if (span.droppedLinks > 0) writer.varintField(SPAN.droppedLinksCount, span.droppedLinks);
  if (span.statusCode !== 0 || span.statusMessage !== '') {
    const status = writer.begin(SPAN.status);
    if (span.statusMessage !== '') writer.stringField(STATUS.message, span.statusMessage);
    writer.varintField(STATUS.code, span.statusCode);
    writer.end(status);
  }
  if (span.flags !== 0) writer.fixed32Field(SPAN.flags, span.flags);
  writer.end(start);
}

function writeAttributes(writer: ProtoWriter, field: number, attributes: SpanDataAttributes): void {
  for (const [key, value] of attributes) {
    const start = writer.begin(field);
    writer.stringField(KEY_VALUE.key, key);
    writeValue(writer, KEY_VALUE.value, value);
    writer.end(start);
  }
}

function writeValue(writer: ProtoWriter, field: number, value: SpanDataValue): void {
  const start = writer.begin(field);
  if (typeof value === 'string') writer.stringField(ANY_VALUE.stringValue, value);
  else if (typeof value === 'boolean') writer.varintField(ANY_VALUE.boolValue, value ? 1 : 0);
  else if (typeof value === 'number') writeNumber(writer, value);
  else {
    const array = writer.begin(ANY_VALUE.arrayValue);
    for (const item of value) writeValue(writer, ARRAY_VALUE.values, item);
    writer.end(array);
  }
  writer.end(start);
}

/** JavaScript does not tell 1 from 1.0: whole numbers in the safe range travel as int64, all others as double. */
function writeNumber(writer: ProtoWriter, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) writer.doubleField(ANY_VALUE.doubleValue, value);
  else if (value >= 0) writer.varintField(ANY_VALUE.intValue, value);
  else writer.int64Field(ANY_VALUE.intValue, BigInt(value));
}
