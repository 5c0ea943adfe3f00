import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeSpans } from '../../../model/otlp/decode.ts';
import {
  type AnyValueSchema,
  type ResourceSpansSchema,
  type SpanSchema,
  TracesDataSchema,
} from '../../../model/otlp/gen/trace_pb.js';
import { mergeTrace } from '../../../model/otlp/merge.ts';
import { type AttributeCondition, PLACES, type TraceConditions } from '../../../model/query/conditions.ts';
import { matchesSpans } from '../../../model/query/matches-search.ts';
import { OtlpMatcher } from '../../../model/query/otlp-matcher.ts';
import { concatBytes } from '../../../model/slice-frame.ts';

/** Few of everything, so that conditions meet spans, and versions of a span each other. */
const key = fc.constantFrom('a', 'b', 'service.name', '__proto__');
const anyValue: fc.Arbitrary<MessageInitShape<typeof AnyValueSchema>> = fc.oneof(
  fc.constantFrom('x', 'web', '9007199254740993').map((value) => ({ value: { case: 'stringValue' as const, value } })),
  fc.constantFrom(1n, 2n, 9007199254740993n).map((value) => ({ value: { case: 'intValue' as const, value } })),
  fc.constantFrom(1, 0.5, Number.NaN).map((value) => ({ value: { case: 'doubleValue' as const, value } })),
  fc.constant({}),
);
const attributes = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.record({ key, value: anyValue }) },
    fc.constant({ key: 'tailrace.key_class', value: { value: { case: 'stringValue' as const, value: 'page' } } }),
    fc.constant({ key: 'a' }),
  ),
  { maxLength: 4 },
);
const spanIdOf = (n: number) => new Uint8Array(8).fill(n);
const span: fc.Arbitrary<MessageInitShape<typeof SpanSchema>> = fc.record({
  traceId: fc.constant(new Uint8Array(16).fill(1)),
  spanId: fc.integer({ min: 1, max: 4 }).map(spanIdOf),
  parentSpanId: fc.constantFrom(new Uint8Array(0), new Uint8Array(8), spanIdOf(1), spanIdOf(9)),
  name: fc.constantFrom('GET', 'work', 'n'.repeat(600)),
  kind: fc.integer({ min: 0, max: 3 }),
  startTimeUnixNano: fc.constantFrom(1_000_000n, 1_000_999n, 2_000_000n),
  endTimeUnixNano: fc.constantFrom(0n, 3_000_000n),
  attributes,
});
const resourceSpans: fc.Arbitrary<MessageInitShape<typeof ResourceSpansSchema>> = fc.record(
  {
    resource: fc.record({ attributes }),
    scopeSpans: fc.array(fc.record({ spans: fc.array(span, { maxLength: 4 }) }), { maxLength: 2 }),
  },
  { requiredKeys: ['scopeSpans'] },
);
const piece = fc.array(resourceSpans, { maxLength: 3 }).map((of) => {
  return toBinary(TracesDataSchema, create(TracesDataSchema, { resourceSpans: of }));
});

const condition: fc.Arbitrary<AttributeCondition> = fc.record({
  on: fc.constantFrom(...PLACES),
  key,
  test: fc.oneof(
    fc.constant({ operator: 'exists' as const }),
    fc.record({
      operator: fc.constantFrom('=' as const, '!=' as const, '>' as const, '<=' as const),
      value: fc.constantFrom<string | number | bigint>('x', 'NaN', 1, 9007199254740993n),
    }),
  ),
});
const name = fc.constantFrom('GET', 'work', 'web', 'x', 'unknown_service', `${'n'.repeat(512)}other`);
const conditions: fc.Arbitrary<TraceConditions> = fc
  .tuple(
    fc.array(condition, { maxLength: 2 }),
    fc.oneof(
      fc.constant({}),
      fc.record({ service: name, operation: name }, { requiredKeys: [], noNullPrototype: true }),
      fc.record({ rootService: name, rootOperation: name }, { requiredKeys: [], noNullPrototype: true }),
    ),
  )
  .map(([attributes, names]) => ({ ...names, attributes }));

it('finds in OTLP what decoded spans say, whatever the pieces and the versions', () => {
  let found = 0;
  fc.assert(
    fc.property(
      fc.array(fc.array(piece, { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
      conditions,
      (all, search) => {
        const matcher = new OtlpMatcher(search);
        for (const pieces of all) {
          matcher.begin();
          for (const otlp of pieces) matcher.add(otlp);
          const expected = matchesSpans(decodeSpans(mergeTrace(concatBytes(pieces)), 'live'), search);
          expect(matcher.matches()).toBe(expected);
          if (expected) found++;
        }
      },
    ),
    { numRuns: 3_000 },
  );
  expect(found).toBeGreaterThan(100);
});
