import fc from 'fast-check';
import {
  type AttributeCondition,
  COMPARISONS,
  PLACES,
  type SearchValue,
  type TraceConditions,
  type ValueTest,
} from '../../../model/query/conditions.ts';
import { QUERY_FIELDS } from '../../../model/query/query-names.ts';

/** What words of a line are made of when they mean to be mistaken for something else. */
const TRICKY = [
  '',
  '*',
  'true',
  '1',
  '-0',
  '1e5',
  '007',
  'NaN',
  'é',
  'a=b',
  'a b',
  '"',
  '\\',
  '\n',
  '\ud800',
  '~',
  'http.url',
];

/** Objects as literals make them. */
const PLAIN = { noNullPrototype: true } as const;

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
  fc.constantFrom(...TRICKY, ...QUERY_FIELDS),
);
const key = fc.oneof(
  text,
  fc.tuple(fc.constantFrom('span.', 'resource.', 'root.', 'http.'), text).map(([prefix, rest]) => prefix + rest),
);

/** Integers beyond 2^53, which are bigints, as near to it as to the ends of 64 bits. */
export const largeInteger = fc
  .oneof(
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 53n + 9n }),
    fc.bigInt({ min: 2n ** 63n - 2_000n, max: 2n ** 63n - 1n }),
  )
  .chain((integer) => fc.constantFrom(integer, -integer));

export const finiteNumber = fc
  .oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), largeInteger.map(Number))
  .map((number) => (number === 0 ? 0 : number));

export const searchValue: fc.Arbitrary<SearchValue> = fc.oneof(text, finiteNumber, largeInteger, fc.boolean());

/** Tests that a line has. */
const lineTest: fc.Arbitrary<ValueTest> = fc.oneof(
  { weight: 9, arbitrary: fc.record({ operator: fc.constantFrom(...COMPARISONS), value: searchValue }, PLAIN) },
  { weight: 1, arbitrary: fc.record({ operator: fc.constant('exists' as const) }, PLAIN) },
);

export const valueTest: fc.Arbitrary<ValueTest> = fc.oneof(
  { weight: 5, arbitrary: lineTest },
  {
    weight: 1,
    arbitrary: fc.record(
      { operator: fc.constant('in' as const), values: fc.array(searchValue, { maxLength: 4 }) },
      PLAIN,
    ),
  },
);

const attributeCondition: fc.Arbitrary<AttributeCondition> = fc.record(
  {
    on: fc.constantFrom(...PLACES),
    key: key.filter((name) => name !== ''),
    test: lineTest,
  },
  PLAIN,
);

const durationUs = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 1e3, 25e4, 1e6, 6e7, 36e8, Number.MAX_SAFE_INTEGER));

/** Conditions of every kind that fit one line. */
export const arbitraryConditions: fc.Arbitrary<TraceConditions> = fc
  .record(
    {
      service: text,
      operation: text,
      rootService: text,
      rootOperation: text,
      minDurationUs: durationUs,
      maxDurationUs: durationUs,
      status: fc.constantFrom('ok', 'error'),
      attributes: fc.array(attributeCondition, { maxLength: 8 }),
    },
    { requiredKeys: ['attributes'], ...PLAIN },
  )
  .filter(({ minDurationUs = 0, maxDurationUs = minDurationUs }) => minDurationUs <= maxDurationUs);
