import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeSpans } from '../../../model/otlp/decode.ts';
import { TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { mergeTrace } from '../../../model/otlp/merge.ts';
import { concatBytes } from '../../../model/slice-frame.ts';
import type { Span } from '../../../model/span.ts';
import { span } from './arbitrary.ts';

/** Zipkin's client and server share a span id: the two halves are two spans. */
const identity = ({ spanId, kind }: Span) => spanId + (kind === 'server' ? 's' : '');
const traceId = new Uint8Array(16).fill(7);
const encode = (spans: object[]) =>
  toBinary(TracesDataSchema, create(TracesDataSchema, { resourceSpans: [{ scopeSpans: [{ spans }] }] }));

it('keeps one version of each span: ended before open, then the larger, whatever the order of arrival', () => {
  fc.assert(
    fc.property(fc.array(span([traceId]), { minLength: 1, maxLength: 12 }), fc.nat(), (spans, seed) => {
      const merged = decodeSpans(mergeTrace(concatBytes(spans.map((one) => encode([one])))), 'live');
      const ids = merged.map(identity);
      expect(new Set(ids).size).toBe(ids.length);
      const rotated = [...spans.slice(seed % spans.length), ...spans.slice(0, seed % spans.length)];
      const again = decodeSpans(mergeTrace(concatBytes(rotated.map((one) => encode([one])))), 'live');
      const shape = (all: typeof merged) => new Map(all.map((one) => [identity(one), one.state]));
      expect(shape(again)).toEqual(shape(merged));
      for (const one of merged) {
        const versions = decodeSpans(concatBytes(spans.map((one) => encode([one]))), 'live').filter(
          (version) => identity(version) === identity(one),
        );
        expect(one.state).toBe(versions.some((version) => version.state === 'ended') ? 'ended' : 'open');
      }
    }),
    { numRuns: 200 },
  );
});

it('leaves bytes without repeats as they are', () => {
  const bytes = encode([{ traceId, spanId: new Uint8Array(8).fill(1), startTimeUnixNano: 1_000n }]);
  expect(mergeTrace(bytes)).toBe(bytes);
});

it('keeps a page\u2019s span beside a service\u2019s of the same id', () => {
  const from = (keyClass: string[], name: string) =>
    toBinary(
      TracesDataSchema,
      create(TracesDataSchema, {
        resourceSpans: [
          {
            resource: {
              attributes: keyClass.map((value) => ({
                key: 'tailrace.key_class',
                value: { value: { case: 'stringValue' as const, value } },
              })),
            },
            scopeSpans: [
              {
                spans: [
                  {
                    traceId,
                    spanId: new Uint8Array(8).fill(1),
                    startTimeUnixNano: 1_000n,
                    endTimeUnixNano: 2_000n,
                    name,
                  },
                ],
              },
            ],
          },
        ],
      }),
    );
  const merged = decodeSpans(
    mergeTrace(concatBytes([from([], 'service'), from(['page'], 'a longer forgery')])),
    'kept',
  );
  expect(merged.map(({ name }) => name)).toEqual(['service', 'a longer forgery']);
});
