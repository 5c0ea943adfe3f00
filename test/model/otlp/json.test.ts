import { create, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { encodeJsonTraces } from '../../../model/otlp/json.ts';
import { JsonError } from '../../../model/otlp/json-access.ts';
import { tracesData } from './arbitrary.ts';
import { toJson } from './to-json.ts';

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

  it.each([
    ['-0', -0],
    ['1.5e3', 1500],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['NaN', Number.NaN],
  ])('reads %s as a double', (doubleValue, expected) => {
    const span = { ...good, attributes: [{ key: 'k', value: { doubleValue } }] };
    const { otlp } = encodeJsonTraces({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    const [read] = fromBinary(TracesDataSchema, otlp).resourceSpans[0]!.scopeSpans[0]!.spans;
    expect(read!.attributes[0]!.value!.value.value).toBe(expected);
  });

  const good = { traceId: '0'.repeat(31).concat('1'), spanId: '00000000000000a1', startTimeUnixNano: '1' };
  it.each([
    ['traceId', { traceId: 'xyz' }, 'invalid_trace_id', 'resourceSpans[0].scopeSpans[0].spans[0].traceId'],
    ['spanId', { spanId: 7 }, 'invalid_span_id', 'spans[0].spanId'],
    ['parentSpanId', { parentSpanId: 'abc' }, 'invalid_parent_span_id', 'spans[0].parentSpanId'],
    ['time', { startTimeUnixNano: 'yesterday' }, 'invalid_time', 'spans[0].startTimeUnixNano'],
    ['name', { name: 5 }, 'malformed_span', 'spans[0].name'],
    ['number', { attributes: [{ key: 'k', value: { doubleValue: '0x1' } }] }, 'malformed_span', 'doubleValue'],
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

  it('takes every number as text too, as protobuf’s own JSON does', () => {
    const { otlp, rejections } = encodeJsonTraces({
      resourceSpans: [
        {
          scopeSpans: [
            {
              spans: [
                {
                  ...good,
                  flags: '257',
                  droppedEventsCount: '3',
                  attributes: [{ key: 'd', value: { doubleValue: '-1.5e3' } }],
                },
                { ...good, flags: '1x' },
                { ...good, attributes: [{ key: 'd', value: { doubleValue: '' } }] },
              ],
            },
          ],
        },
      ],
    });
    const { spans } = fromBinary(TracesDataSchema, otlp).resourceSpans[0]!.scopeSpans[0]!;
    expect(spans.map(({ flags, droppedEventsCount }) => [flags, droppedEventsCount])).toEqual([[257, 3]]);
    expect(spans[0]!.attributes[0]!.value!.value).toEqual({ case: 'doubleValue', value: -1500 });
    expect(rejections).toHaveLength(2);
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
