import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { encodeJsonTraces } from '../../../model/otlp/json.ts';
import { toOtlpJson } from '../../../model/otlp/to-json.ts';
import { tracesData } from './arbitrary.ts';

it('loses nothing on the way to JSON and back', () => {
  fc.assert(
    fc.property(tracesData, (message) => {
      const text = JSON.stringify(toOtlpJson(toBinary(TracesDataSchema, message)));
      const { otlp, rejections } = encodeJsonTraces(JSON.parse(text));
      expect(rejections).toEqual([]);
      expect(fromBinary(TracesDataSchema, otlp)).toEqual(message);
    }),
    { numRuns: 500 },
  );
});

it('writes ids in hex, enums as integers, 64-bit integers as strings, and no defaults', () => {
  const value = (stringValue: string) => ({ value: { case: 'stringValue' as const, value: stringValue } });
  const message = create(TracesDataSchema, {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: value('shop') }] },
        scopeSpans: [
          {
            scope: { name: 'lib', version: '1' },
            spans: [
              {
                traceId: new Uint8Array(16).fill(0xab),
                spanId: new Uint8Array(8).fill(1),
                parentSpanId: new Uint8Array(8).fill(2),
                name: 'GET /',
                kind: 2,
                startTimeUnixNano: 1_790_000_000_000_000_001n,
                endTimeUnixNano: 1_790_000_000_000_000_002n,
                attributes: [
                  { key: 'int', value: { value: { case: 'intValue', value: -1n } } },
                  { key: 'double', value: { value: { case: 'doubleValue', value: Number.NaN } } },
                  { key: 'bytes', value: { value: { case: 'bytesValue', value: Uint8Array.of(1, 2) } } },
                  { key: 'list', value: { value: { case: 'arrayValue', value: { values: [value('a')] } } } },
                ],
                status: { code: 2 },
                flags: 0x101,
              },
            ],
          },
        ],
      },
    ],
  });
  expect(toOtlpJson(toBinary(TracesDataSchema, message))).toEqual({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
        scopeSpans: [
          {
            scope: { name: 'lib', version: '1' },
            spans: [
              {
                traceId: 'ab'.repeat(16),
                spanId: '01'.repeat(8),
                parentSpanId: '02'.repeat(8),
                name: 'GET /',
                kind: 2,
                startTimeUnixNano: '1790000000000000001',
                endTimeUnixNano: '1790000000000000002',
                attributes: [
                  { key: 'int', value: { intValue: '-1' } },
                  { key: 'double', value: { doubleValue: 'NaN' } },
                  { key: 'bytes', value: { bytesValue: 'AQI=' } },
                  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }] } } },
                ],
                status: { code: 2 },
                flags: 257,
              },
            ],
          },
        ],
      },
    ],
  });
});
