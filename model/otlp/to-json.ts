/**
 * OTLP protobuf to OTLP/JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hex, enums as integers,
 * 64-bit integers as decimal strings, bytes in base64, fields that have their default left out. `json.ts` reads it.
 */

import { fromBinary } from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import { formatHex } from '../ids.ts';
import {
  type AnyValue,
  type KeyValue,
  type ResourceSpans,
  type ScopeSpans,
  type Span,
  type Span_Event,
  type Span_Link,
  TracesDataSchema,
} from './gen/trace_pb.js';

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** What `JSON.stringify` is to be given for `TracesData` bytes. */
export function toOtlpJson(otlp: Uint8Array): { readonly resourceSpans: readonly Json[] } {
  return { resourceSpans: fromBinary(TracesDataSchema, otlp).resourceSpans.map(resourceSpans) };
}

function resourceSpans({ resource, scopeSpans: groups, schemaUrl }: ResourceSpans): Json {
  return {
    ...(resource ? { resource: { ...withAttributes(resource) } } : {}),
    ...list('scopeSpans', groups.map(scopeSpans)),
    ...present('schemaUrl', schemaUrl),
  };
}

function scopeSpans({ scope, spans, schemaUrl }: ScopeSpans): Json {
  return {
    ...(scope
      ? { scope: { ...present('name', scope.name), ...present('version', scope.version), ...withAttributes(scope) } }
      : {}),
    ...list('spans', spans.map(toSpan)),
    ...present('schemaUrl', schemaUrl),
  };
}

function toSpan(span: Span): Json {
  const { status } = span;
  return {
    traceId: formatHex(span.traceId),
    spanId: formatHex(span.spanId),
    ...present('traceState', span.traceState),
    ...present('parentSpanId', formatHex(span.parentSpanId)),
    ...present('name', span.name),
    ...present('kind', span.kind),
    startTimeUnixNano: span.startTimeUnixNano.toString(),
    ...(span.endTimeUnixNano > 0n ? { endTimeUnixNano: span.endTimeUnixNano.toString() } : {}),
    ...withAttributes(span),
    ...list('events', span.events.map(toEvent)),
    ...present('droppedEventsCount', span.droppedEventsCount),
    ...list('links', span.links.map(toLink)),
    ...present('droppedLinksCount', span.droppedLinksCount),
    ...(status ? { status: { ...present('message', status.message), ...present('code', status.code) } } : {}),
    ...present('flags', span.flags),
  };
}

function toEvent(event: Span_Event): Json {
  const timeUnixNano = event.timeUnixNano.toString();
  return { timeUnixNano, ...present('name', event.name), ...withAttributes(event) };
}

function toLink(link: Span_Link): Json {
  return {
    traceId: formatHex(link.traceId),
    spanId: formatHex(link.spanId),
    ...present('traceState', link.traceState),
    ...withAttributes(link),
    ...present('flags', link.flags),
  };
}

function withAttributes(owner: { readonly attributes: KeyValue[]; readonly droppedAttributesCount: number }) {
  return {
    ...list('attributes', owner.attributes.map(keyValue)),
    ...present('droppedAttributesCount', owner.droppedAttributesCount),
  };
}

function keyValue({ key, value }: KeyValue): Json {
  return { key, ...(value ? { value: anyValue(value) } : {}) };
}

/** The value's depth is bounded: `MAX_VALUE_DEPTH`. */
function anyValue({ value }: AnyValue): Json {
  switch (value.case) {
    case undefined:
      return {};
    case 'stringValue':
      return { stringValue: value.value };
    case 'boolValue':
      return { boolValue: value.value };
    case 'intValue':
      return { intValue: value.value.toString() };
    case 'doubleValue':
      // JSON has no infinity and no NaN, and JSON.stringify no -0.
      if (Object.is(value.value, -0)) return { doubleValue: '-0' };
      return { doubleValue: Number.isFinite(value.value) ? value.value : String(value.value) };
    case 'bytesValue':
      return { bytesValue: base64Encode(value.value) };
    case 'arrayValue':
      return { arrayValue: list('values', value.value.values.map(anyValue)) };
    case 'kvlistValue':
      return { kvlistValue: list('values', value.value.values.map(keyValue)) };
  }
}

function present(key: string, value: string | number): { readonly [key: string]: Json } {
  return value === '' || value === 0 ? {} : { [key]: value };
}

function list(key: string, values: readonly Json[]): { readonly [key: string]: Json } {
  return values.length === 0 ? {} : { [key]: values };
}
