/** Generated OTLP messages. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  type AnyValueSchema,
  type ResourceSpansSchema,
  type SpanSchema,
  type TracesData,
  TracesDataSchema,
} from '../../../model/otlp/gen/trace_pb.js';

type AnyValueInit = MessageInitShape<typeof AnyValueSchema>;

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).filter((id) => id.some((byte) => byte !== 0));

/** Lengths on both sides of where a length itself takes one byte more, with what is written around the text. */
const longText = fc
  .constantFrom(118, 122, 124, 126, 127, 128, 16_378, 16_380, 16_383, 16_384)
  .map((length) => 'x'.repeat(length));

const anyValue: fc.Arbitrary<AnyValueInit> = fc.letrec<{ value: AnyValueInit }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc
      .oneof({ weight: 9, arbitrary: fc.string({ unit: 'grapheme' }) }, longText)
      .map((value): AnyValueInit => ({ value: { case: 'stringValue', value } })),
    fc.boolean().map((value): AnyValueInit => ({ value: { case: 'boolValue', value } })),
    fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .map((value): AnyValueInit => ({ value: { case: 'intValue', value } })),
    fc.double().map((value): AnyValueInit => ({ value: { case: 'doubleValue', value } })),
    fc.uint8Array({ maxLength: 20 }).map((value): AnyValueInit => ({ value: { case: 'bytesValue', value } })),
    fc
      .array(tie('value'), { maxLength: 3 })
      .map((values): AnyValueInit => ({ value: { case: 'arrayValue', value: { values } } })),
    fc.array(tie('value'), { maxLength: 3 }).map(
      (values): AnyValueInit => ({
        value: { case: 'kvlistValue', value: { values: values.map((value, i) => ({ key: `k${i}`, value })) } },
      }),
    ),
    fc.constant<AnyValueInit>({}),
  ),
})).value;

const key = fc.oneof({ weight: 39, arbitrary: fc.string({ maxLength: 20 }) }, longText);
const attributes = fc.array(fc.record({ key, value: anyValue }), { maxLength: 5 });

const nanos = fc.bigInt({ min: 1_000n, max: 4_000_000_000_000_000_000n });

/** Few distinct trace and span ids, so that spans share traces and versions of one span meet. */
export function span(traceIds: readonly Uint8Array[]): fc.Arbitrary<MessageInitShape<typeof SpanSchema>> {
  return fc.record({
    traceId: fc.constantFrom(...traceIds),
    spanId: fc.oneof(
      bytes(8),
      fc.integer({ min: 1, max: 4 }).map((n) => new Uint8Array(8).fill(n)),
    ),
    traceState: fc.constantFrom('', 'ot=th:8', 'vendor=1'),
    parentSpanId: fc.oneof(fc.constant(new Uint8Array()), bytes(8)),
    name: fc.oneof({ weight: 19, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) }, longText),
    kind: fc.integer({ min: 0, max: 5 }),
    startTimeUnixNano: nanos,
    endTimeUnixNano: fc.oneof(fc.constant(0n), nanos),
    attributes,
    droppedAttributesCount: fc.nat(100),
    events: fc.array(fc.record({ timeUnixNano: nanos, name: fc.string(), attributes }), { maxLength: 2 }),
    links: fc.array(fc.record({ traceId: bytes(16), spanId: bytes(8), attributes }), { maxLength: 2 }),
    status: fc.option(fc.record({ message: fc.string(), code: fc.integer({ min: 0, max: 2 }) }), { nil: undefined }),
    flags: fc.nat(3),
  }) as fc.Arbitrary<MessageInitShape<typeof SpanSchema>>;
}

/** A request over a few traces, resources and scopes, some of them empty. */
export const tracesData: fc.Arbitrary<TracesData> = fc
  .array(bytes(16), { minLength: 1, maxLength: 4 })
  .chain((traceIds) =>
    fc.array(
      fc.record({
        resource: fc.option(
          fc.record({
            attributes: fc
              .tuple(attributes, fc.string({ unit: 'grapheme', maxLength: 12 }))
              .map(([others, name]) => [
                ...others,
                { key: 'service.name', value: { value: { case: 'stringValue' as const, value: name } } },
              ]),
          }),
          { nil: undefined },
        ),
        scopeSpans: fc.array(
          fc.record({
            scope: fc.option(fc.record({ name: fc.string({ maxLength: 8 }), attributes }), { nil: undefined }),
            spans: fc.array(span(traceIds), { maxLength: 6 }),
            schemaUrl: fc.constantFrom('', 'https://opentelemetry.io/schemas/1.30.0'),
          }),
          { maxLength: 3 },
        ),
        schemaUrl: fc.constantFrom('', 'https://opentelemetry.io/schemas/1.30.0'),
      }),
      { maxLength: 3 },
    ),
  )
  .map((resourceSpans) =>
    create(TracesDataSchema, { resourceSpans: resourceSpans as MessageInitShape<typeof ResourceSpansSchema>[] }),
  );
