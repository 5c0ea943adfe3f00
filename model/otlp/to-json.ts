/** OTLP's `TracesData` in its JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding), nothing left out. */

import { fromBinary } from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import { formatHex } from '../ids.ts';
import {
  type AnyValue,
  type KeyValue,
  type ResourceSpans,
  type Span,
  type Span_Event,
  type Span_Link,
  TracesDataSchema,
} from './gen/trace_pb.js';

type Json = Record<string, unknown>;

/** `resourceSpans`, one for each group of the bytes. What has the value it has when it is missing is missing. */
export function toOtlpJson(otlp: Uint8Array): Json[] {
  return fromBinary(TracesDataSchema, otlp).resourceSpans.map(resourceSpansOf);
}

function resourceSpansOf({ resource, scopeSpans, schemaUrl }: ResourceSpans): Json {
  return given({
    resource: given({
      attributes: keyValues(resource?.attributes ?? []),
      droppedAttributesCount: resource?.droppedAttributesCount,
    }),
    scopeSpans: scopeSpans.map(({ scope, spans, schemaUrl: scopeSchema }) =>
      given({
        scope: given({
          name: scope?.name,
          version: scope?.version,
          attributes: keyValues(scope?.attributes ?? []),
          droppedAttributesCount: scope?.droppedAttributesCount,
        }),
        spans: spans.map(spanOf),
        schemaUrl: scopeSchema,
      }),
    ),
    schemaUrl,
  });
}

function spanOf(span: Span): Json {
  return given({
    traceId: formatHex(span.traceId),
    spanId: formatHex(span.spanId),
    traceState: span.traceState,
    parentSpanId: formatHex(span.parentSpanId),
    flags: span.flags,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: String(span.startTimeUnixNano),
    endTimeUnixNano: String(span.endTimeUnixNano),
    attributes: keyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount,
    events: span.events.map(eventOf),
    droppedEventsCount: span.droppedEventsCount,
    links: span.links.map(linkOf),
    droppedLinksCount: span.droppedLinksCount,
    status: given({ message: span.status?.message, code: span.status?.code }),
  });
}

function eventOf({ timeUnixNano, name, attributes, droppedAttributesCount }: Span_Event): Json {
  return given({
    timeUnixNano: String(timeUnixNano),
    name,
    attributes: keyValues(attributes),
    droppedAttributesCount,
  });
}

function linkOf({ traceId, spanId, traceState, attributes, droppedAttributesCount, flags }: Span_Link): Json {
  return given({
    traceId: formatHex(traceId),
    spanId: formatHex(spanId),
    traceState,
    attributes: keyValues(attributes),
    droppedAttributesCount,
    flags,
  });
}

function keyValues(attributes: readonly KeyValue[]): Json[] {
  return attributes.map(({ key, value }) => ({ key, value: anyValue(value) }));
}

function anyValue(any: AnyValue | undefined): Json {
  switch (any?.value.case) {
    case undefined:
      return {};
    case 'stringValue':
      return { stringValue: any.value.value };
    case 'boolValue':
      return { boolValue: any.value.value };
    case 'intValue':
      return { intValue: String(any.value.value) };
    case 'doubleValue':
      return { doubleValue: doubleOf(any.value.value) };
    case 'bytesValue':
      return { bytesValue: base64Encode(any.value.value) };
    case 'arrayValue':
      return { arrayValue: { values: any.value.value.values.map(anyValue) } };
    case 'kvlistValue':
      return { kvlistValue: { values: keyValues(any.value.value.values) } };
  }
}

/** What JSON's numbers do not have is text. */
function doubleOf(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

/** Without what is empty or zero; objects stay. */
function given(fields: Json): Json {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== undefined && value !== '' && value !== 0 && !(Array.isArray(value) && value.length === 0),
    ),
  );
}
