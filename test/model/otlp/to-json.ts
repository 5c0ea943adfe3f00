import { formatHex } from '../../../model/ids.ts';
import type { AnyValue, KeyValue, TracesData } from '../../../model/otlp/gen/trace_pb.js';

/** OTLP/JSON of a message, as the specification writes it. */
export function toJson(message: TracesData): unknown {
  const attributes = (list: KeyValue[]): unknown[] => list.map(({ key, value }) => ({ key, value: anyValue(value!) }));
  const anyValue = ({ value }: AnyValue): unknown => {
    switch (value.case) {
      case undefined:
        return {};
      case 'intValue':
        return { intValue: value.value.toString() };
      case 'doubleValue':
        // JSON.stringify has no -0.
        if (Object.is(value.value, -0)) return { doubleValue: '-0' };
        return { doubleValue: Number.isFinite(value.value) ? value.value : String(value.value) };
      case 'bytesValue':
        return { bytesValue: Buffer.from(value.value).toString('base64') };
      case 'arrayValue':
        return { arrayValue: { values: value.value.values.map(anyValue) } };
      case 'kvlistValue':
        return { kvlistValue: { values: attributes(value.value.values) } };
      default:
        return { [value.case]: value.value };
    }
  };
  return {
    resourceSpans: message.resourceSpans.map(({ resource, scopeSpans, schemaUrl }) => ({
      ...(resource ? { resource: { attributes: attributes(resource.attributes) } } : {}),
      schemaUrl,
      unknownField: { ignored: true },
      scopeSpans: scopeSpans.map(({ scope, spans, schemaUrl: scopeUrl }) => ({
        ...(scope ? { scope: { name: scope.name, attributes: attributes(scope.attributes) } } : {}),
        schemaUrl: scopeUrl,
        spans: spans.map((span) => ({
          ...span,
          traceId: formatHex(span.traceId),
          spanId: formatHex(span.spanId),
          parentSpanId: formatHex(span.parentSpanId),
          startTimeUnixNano: span.startTimeUnixNano.toString(),
          endTimeUnixNano: span.endTimeUnixNano.toString(),
          attributes: attributes(span.attributes),
          events: span.events.map((event) => ({
            ...event,
            timeUnixNano: event.timeUnixNano.toString(),
            attributes: attributes(event.attributes),
          })),
          links: span.links.map((link) => ({
            ...link,
            traceId: formatHex(link.traceId),
            spanId: formatHex(link.spanId),
            attributes: attributes(link.attributes),
          })),
        })),
      })),
    })),
  };
}
