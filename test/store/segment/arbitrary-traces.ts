/** Traces that conditions are likely to find, and conditions that are likely to find some of them. */

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { MAX_NAME_CHARS, MAX_TERM_BYTES } from '../../../model/limits.ts';
import { decodeSpans } from '../../../model/otlp/decode.ts';
import { type AnyValueSchema, type KeyValueSchema, TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { mergeTrace } from '../../../model/otlp/merge.ts';
import {
  type AttributeCondition,
  COMPARISONS,
  PLACES,
  type SearchValue,
  type TraceConditions,
} from '../../../model/query/conditions.ts';
import { matchesSearch } from '../../../model/query/matches-search.ts';
import { concatBytes } from '../../../model/slice-frame.ts';
import type { IndexedTrace } from '../../../store/segment/build.ts';
import { traceIdOf } from '../../contract/parts.ts';
import { largeInteger } from '../../model/query/arbitrary-conditions.ts';

/** Stands for three bytes that are not UTF-8, and what is decoded of them. */
const MARK = '<<<';
const NOT_UTF8 = [0xff, 0xc3, 0x28];
const DECODED = '\ufffd\ufffd(';
const LONG = 'x'.repeat(MAX_TERM_BYTES);
const LONG_NAME = 'n'.repeat(MAX_NAME_CHARS);
const KEYS = ['a', 'b', MARK, '\ufffd', 'aé', '', '__proto__', 'service.name', 'k'.repeat(200)];
const TEXTS = [
  '',
  'a',
  'b',
  'aé',
  '😀',
  '200',
  'NaN',
  'Infinity',
  `${LONG}1`,
  `${LONG}é`,
  `${LONG.slice(1)}é`,
  '\0',
  '\ufeffa',
  MARK,
  `${LONG.slice(1)}${MARK}`,
];
const SERVICES = ['shop', MARK, 'stock', 'é', LONG_NAME];
const NAMES = ['GET /', MARK, 'reserve', '', 'é', `${LONG_NAME}1`, `${LONG_NAME.slice(1)}😀`];

const number = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(0.5, 200, 2 ** 53, -(2 ** 60), 1e300));

type AnyValue = MessageInitShape<typeof AnyValueSchema>;
const anyValue: fc.Arbitrary<AnyValue> = fc.oneof(
  fc.constantFrom(...TEXTS).map((value): AnyValue => ({ value: { case: 'stringValue', value } })),
  largeInteger.map((value): AnyValue => ({ value: { case: 'stringValue', value: String(value) } })),
  fc.boolean().map((value): AnyValue => ({ value: { case: 'boolValue', value } })),
  fc
    .oneof(fc.integer({ min: -3, max: 300 }).map(BigInt), largeInteger)
    .map((value): AnyValue => ({ value: { case: 'intValue', value } })),
  fc
    .oneof(number, fc.constantFrom(-0, Number.NaN, Number.POSITIVE_INFINITY))
    .map((value): AnyValue => ({ value: { case: 'doubleValue', value } })),
  fc.constantFrom<AnyValue>(
    {},
    { value: { case: 'bytesValue', value: new Uint8Array([1]) } },
    { value: { case: 'arrayValue', value: { values: [] } } },
    { value: { case: 'kvlistValue', value: { values: [] } } },
  ),
);

type KeyValue = MessageInitShape<typeof KeyValueSchema>;
/** A key may come twice. */
const attributes: fc.Arbitrary<KeyValue[]> = fc.array(
  fc.record({
    key: fc.constantFrom(...KEYS),
    value: fc.option(anyValue, { nil: undefined }),
  }) as fc.Arbitrary<KeyValue>,
  { maxLength: 4 },
);

const span = fc.record({
  spanId: fc.integer({ min: 1, max: 5 }).map((n) => new Uint8Array(8).fill(n)),
  parentSpanId: fc.constantFrom(new Uint8Array(), new Uint8Array(8), new Uint8Array(8).fill(1)),
  name: fc.constantFrom(...NAMES),
  kind: fc.constantFrom(1, 2),
  startTimeUnixNano: fc.constantFrom(1_000n, 1_999n, 2_000n, 5_000n),
  endTimeUnixNano: fc.constantFrom(0n, 9_000n),
  attributes,
});

const resourceSpans = fc.record({
  resource: fc.option(
    fc.record({ others: attributes, name: fc.option(fc.constantFrom(...SERVICES)) }).map(({ others, name }) => ({
      attributes: [
        ...others,
        ...(name === null
          ? []
          : [{ key: 'service.name', value: { value: { case: 'stringValue' as const, value: name } } }]),
      ],
    })),
    { nil: undefined },
  ),
  schemaUrl: fc.constantFrom('', 'schema'),
  spans: fc.array(span, { maxLength: 4 }),
});

const words = fc.record({
  number: fc.integer({ min: 1, max: 40 }),
  startUs: fc.constantFrom(1, 2, 3, 1_700_000_000_000_000),
  durationUs: fc.constantFrom(0, 10, 20, Number.MAX_SAFE_INTEGER),
  status: fc.constantFrom('ok' as const, 'error' as const),
  parts: fc.array(fc.array(resourceSpans, { maxLength: 2 }), { minLength: 1, maxLength: 2 }),
});

function toTrace({ number, parts, ...facts }: Words): IndexedTrace {
  const traceId = traceIdOf(number);
  const id = new Uint8Array(Buffer.from(traceId, 'hex'));
  return { ...facts, traceId, otlp: concatBytes(parts.map((part) => encodePart(id, part))) };
}

const uniqueWords = fc.uniqueArray(words, { selector: ({ number }) => number, maxLength: 12 });

/** Traces with different ids, in several parts, with spans and keys that repeat. */
export const arbitraryTraces: fc.Arbitrary<IndexedTrace[]> = uniqueWords.map((all) => all.map(toTrace));

/** Traces that have every span once, and every key of it, and no resource without spans. */
export const orderlyTraces: fc.Arbitrary<IndexedTrace[]> = uniqueWords.map((all) =>
  all.map((each) => {
    let spanCount = 0;
    const tidy = ({ resource, schemaUrl, spans }: ResourceSpans): ResourceSpans => ({
      resource: resource && { attributes: eachOnce(resource.attributes) },
      schemaUrl,
      spans: spans.map((one) => ({
        ...one,
        spanId: new Uint8Array(8).fill(++spanCount),
        attributes: eachOnce(one.attributes),
      })),
    });
    const parts = each.parts.map((part) => part.map(tidy).filter(({ spans }) => spans.length > 0));
    return toTrace({ ...each, parts });
  }),
);

function eachOnce<T extends KeyValue>(list: readonly T[]): T[] {
  return [...new Map(list.map((keyValue) => [keyValue.key, keyValue])).values()];
}

type Words = typeof words extends fc.Arbitrary<infer T> ? T : never;
type ResourceSpans = typeof resourceSpans extends fc.Arbitrary<infer T> ? T : never;

function encodePart(traceId: Uint8Array, part: readonly ResourceSpans[]): Uint8Array {
  const message = create(TracesDataSchema, {
    resourceSpans: part.map(({ resource, schemaUrl, spans }) => ({
      ...(resource ? { resource } : {}),
      schemaUrl,
      scopeSpans: [{ spans: spans.map((each) => ({ ...each, traceId })) }],
    })),
  });
  const otlp = Buffer.from(toBinary(TracesDataSchema, message));
  for (let at = otlp.indexOf(MARK); at >= 0; at = otlp.indexOf(MARK)) otlp.set(NOT_UTF8, at);
  return new Uint8Array(otlp);
}

const asDecoded = (text: string) => text.replace(MARK, DECODED);

const searchValue: fc.Arbitrary<SearchValue> = fc.oneof(
  fc.constantFrom(...TEXTS.map(asDecoded)),
  number.map((value) => (value === 0 ? 0 : value)),
  largeInteger,
  fc.boolean(),
);

const attributeCondition: fc.Arbitrary<AttributeCondition> = fc.record({
  on: fc.constantFrom(...PLACES),
  key: fc.constantFrom(...KEYS.filter((key) => key !== '').map(asDecoded), 'none', '\ud800'),
  test: fc.oneof(
    { weight: 4, arbitrary: fc.record({ operator: fc.constantFrom(...COMPARISONS), value: searchValue }) },
    { weight: 1, arbitrary: fc.constant({ operator: 'exists' as const }) },
  ),
});

const service = fc.constantFrom(...SERVICES.map(asDecoded), '', 'unknown_service', 'none', 'NaN', 'a', `${LONG_NAME}2`);
const operation = fc.constantFrom(...NAMES.map(asDecoded), 'none');
const durationUs = fc.constantFrom(0, 1, 10, 15, 20, Number.MAX_SAFE_INTEGER);
/** Mostly absent, so that something is found. */
const seldom = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });

export const likelyConditions: fc.Arbitrary<TraceConditions> = fc
  .record({
    service: seldom(service),
    operation: seldom(operation),
    rootService: seldom(service),
    rootOperation: seldom(operation),
    minDurationUs: seldom(durationUs),
    maxDurationUs: seldom(durationUs),
    status: seldom(fc.constantFrom('ok' as const, 'error' as const)),
    attributes: fc.array(attributeCondition, { maxLength: 2 }),
  })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as typeof all)
  .map((conditions) => conditions as TraceConditions);

/** What a search means: the trace's spans, decoded, meet the conditions. */
export function meetsConditions(trace: IndexedTrace, conditions: TraceConditions): boolean {
  const spans = decodeSpans(mergeTrace(trace.otlp), 'kept');
  return matchesSearch(trace, spans, { ...conditions, startUs: 0, endUs: Number.MAX_SAFE_INTEGER });
}
