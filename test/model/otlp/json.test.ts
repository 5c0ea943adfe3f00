import { create, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHex } from '../../../model/ids.ts';
import { type AnyValue, type KeyValue, type TracesData, TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { encodeJsonTraces } from '../../../model/otlp/json.ts';
import { JsonError } from '../../../model/otlp/json-access.ts';
import { tracesData } from './arbitrary.ts';

/** OTLP/JSON of a message, as the specification writes it. */
function toJson(message: TracesData): unknown {
  const attributes = (list: KeyValue[]): unknown[] => list.map(({ key, value }) => ({ key, value: anyValue(value!) }));
  const anyValue = ({ value }: AnyValue): unknown => {
    switch (value.case) {
      case undefined:
        return {};
      case 'intValue':
        return { intValue: value.value.toString() };
      case 'doubleValue':
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

describe('encodeJsonTraces', () => {
  it('writes the message that the JSON describes', () => {
    fc.assert(
      fc.property(tracesData, (message) => {
        const { otlp, rejections } = encodeJsonTraces(JSON.parse(JSON.stringify(toJson(message))));
        expect(rejections).toEqual([]);
        expect(fromBinary(TracesDataSchema, otlp)).toEqual(message);
      }),
      { numRuns: 200 },
    );
  });

  const good = { traceId: '0'.repeat(31).concat('1'), spanId: '00000000000000a1', startTimeUnixNano: '1' };
  it.each([
    ['traceId', { traceId: 'xyz' }, 'invalid_trace_id', 'resourceSpans[0].scopeSpans[0].spans[0].traceId'],
    ['spanId', { spanId: 7 }, 'invalid_span_id', 'spans[0].spanId'],
    ['parentSpanId', { parentSpanId: 'abc' }, 'invalid_parent_span_id', 'spans[0].parentSpanId'],
    ['time', { startTimeUnixNano: 'yesterday' }, 'invalid_time', 'spans[0].startTimeUnixNano'],
    ['name', { name: 5 }, 'malformed_span', 'spans[0].name'],
    ['attributes', { attributes: 'no' }, 'malformed_span', 'spans[0].attributes'],
    ['kind', { kind: -1 }, 'malformed_span', 'spans[0].kind'],
    [
      'a value',
      { attributes: [{ key: 'k', value: { intValue: 'x' } }] },
      'malformed_span',
      'spans[0].attributes[0].value.intValue',
    ],
  ])('leaves out a span with a bad %s, says where, and keeps the one beside it', (_, bad, reason, where) => {
    const { otlp, rejections } = encodeJsonTraces({
      resourceSpans: [{ scopeSpans: [{ spans: [{ ...good, ...bad }, good] }] }],
    });
    expect(rejections).toHaveLength(1);
    expect(rejections[0]!.reason).toBe(reason);
    expect(rejections[0]!.message).toContain(where);
    expect(fromBinary(TracesDataSchema, otlp)).toEqual(
      create(TracesDataSchema, {
        resourceSpans: [
          {
            scopeSpans: [{ spans: [{ traceId: hex(good.traceId), spanId: hex(good.spanId), startTimeUnixNano: 1n }] }],
          },
        ],
      }),
    );
  });

  it.each([
    [null],
    [[]],
    ['text'],
    [{ resourceSpans: {} }],
    [{ resourceSpans: [1] }],
    [{ resourceSpans: [{ scopeSpans: 3 }] }],
  ])('refuses %j as a whole', (body) => {
    expect(() => encodeJsonTraces(body)).toThrow(JsonError);
  });

  it('takes enums by name too', () => {
    const { otlp } = encodeJsonTraces({
      resourceSpans: [
        { scopeSpans: [{ spans: [{ ...good, kind: 'SPAN_KIND_CLIENT', status: { code: 'STATUS_CODE_ERROR' } }] }] },
      ],
    });
    const span = fromBinary(TracesDataSchema, otlp).resourceSpans[0]!.scopeSpans[0]!.spans[0]!;
    expect([span.kind, span.status?.code]).toEqual([3, 2]);
  });
});

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
