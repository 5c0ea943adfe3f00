import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TERM_BYTES } from '../../../model/limits.ts';
import type { ValueTest } from '../../../model/query/conditions.ts';
import { encodeIndexKey, keyRanges } from '../../../model/query/index-key.ts';
import { compareBytes, passesTest } from '../../../model/query/value.ts';
import type { AttributeValue } from '../../../model/span.ts';
import { finiteNumber, largeInteger, valueTest } from './arbitrary-conditions.ts';

type Value = AttributeValue | bigint;

const compareKeys = (a: Value, b: Value) => Math.sign(compareBytes(encodeIndexKey(a), encodeIndexKey(b)));
const hex = (value: Value) => Buffer.from(encodeIndexKey(value)).toString('hex');

/** Pairs that are near each other as often as far apart. */
const numeric = fc.oneof(finiteNumber, largeInteger);
const pair = fc.oneof(
  fc.tuple(numeric, numeric),
  fc.tuple(largeInteger, fc.bigInt({ min: -1_100n, max: 1_100n })).map(([a, by]) => {
    const near = BigInt.asIntN(64, a + by);
    return [a, near] as const;
  }),
  largeInteger.map((integer) => [integer, Number(integer)] as const),
);

/** By code points, which is the order of UTF-8; not by UTF-16 units. */
function compareText(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!;
    if (difference !== 0) return Math.sign(difference);
  }
  return Math.sign(x.length - y.length);
}

/** Whether the key of a value is in the ranges of a test. */
function isInRanges(value: Value, test: ValueTest): boolean {
  const key = encodeIndexKey(value);
  return keyRanges(test).some(({ from, to }) => compareBytes(from, key) <= 0 && compareBytes(key, to) < 0);
}

describe('encodeIndexKey', () => {
  it.each<[Value, string]>([
    [false, '0100'],
    [true, '0101'],
    [0, '028000000000000000'],
    [-0, '028000000000000000'],
    [1, '02bff0000000000000'],
    [-1, '02400fffffffffffff'],
    [500, '02c07f400000000000'],
    [9007199254740993n, '02c3400000000000000001'],
    [2n ** 63n - 1n, '02c3dfffffffffffff03ff'],
    [-(2n ** 53n) - 1n, '023cbffffffffffffe0001'],
    ['', '03'],
    ['aé', '0361c3a9'],
    [Number.NaN, '034e614e'],
    [null, '04'],
    [['a'], '04'],
    [{ bytes: 'AA==' }, '04'],
  ])('of %s is as it was', (value, expected) => {
    expect(hex(value)).toBe(expected);
  });

  it('sorts numbers as they are, ints and doubles together', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(compareKeys(a, b)).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
      { numRuns: 5_000 },
    );
  });

  it('sorts text by its UTF-8', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.string({ unit: fc.constantFrom('a', '\0', '\uffff', '\ue000', '😀'), maxLength: 6 }),
    );
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(compareKeys(a, b)).toBe(compareText(a.toWellFormed(), b.toWellFormed()));
      }),
      { numRuns: 2_000 },
    );
  });

  it('cuts text where terms are cut', () => {
    const full = 'x'.repeat(MAX_TERM_BYTES);
    expect(encodeIndexKey(full)).toHaveLength(1 + MAX_TERM_BYTES);
    expect(compareKeys(`${full}a`, `${full}b`)).toBe(0);
    expect(compareKeys(full.slice(1), full)).toBe(-1);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), fc.nat(40), (text, before) => {
        const long = 'x'.repeat(MAX_TERM_BYTES - before) + text;
        const whole = Buffer.from(long.toWellFormed());
        expect(hex(long)).toBe(`03${whole.subarray(0, MAX_TERM_BYTES).toString('hex')}`);
      }),
    );
  });

  it('knows a large integer by its digits, as decoded spans have them, and other digits as text', () => {
    expect(hex('9007199254740993')).toBe(hex(9007199254740993n));
    expect(hex('-9223372036854775808')).toBe(hex(-(2n ** 63n)));
    expect(hex('9223372036854775808').slice(0, 2)).toBe('03');
    expect(hex('9007199254740991').slice(0, 2)).toBe('03');
    expect(hex('09007199254740993').slice(0, 2)).toBe('03');
  });
});

describe('keyRanges', () => {
  const value: fc.Arbitrary<Value> = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    numeric,
    largeInteger.map(String),
    fc.boolean(),
    fc.constantFrom(null, Number.NaN, Number.POSITIVE_INFINITY, [1], { bytes: '' }, '', '\0'),
  );

  it('holds the keys of exactly the values that pass', () => {
    let passed = 0;
    const near = valueTest.chain((test): fc.Arbitrary<[ValueTest, Value]> => {
      const beside: Value[] = [''];
      const searched = test.operator === 'exists' ? [] : test.operator === 'in' ? test.values : [test.value];
      for (const of of searched) {
        beside.push(of);
        if (typeof of === 'string') beside.push(`${of}\0`, of.slice(0, -1));
        if (typeof of === 'bigint') beside.push(Number(of), String(of), BigInt.asIntN(64, of + 1n));
      }
      return fc.tuple(fc.constant(test), fc.oneof(value, fc.constantFrom(...beside)));
    });
    fc.assert(
      fc.property(near, ([test, found]) => {
        const passes = passesTest(found, test);
        if (passes) passed++;
        expect(isInRanges(found, test)).toBe(passes);
      }),
      { numRuns: 5_000 },
    );
    expect(passed).toBeGreaterThan(500);
  });

  it('comes in order, without a key twice', () => {
    fc.assert(
      fc.property(valueTest, (test) => {
        const bounds = keyRanges(test).flatMap(({ from, to }) => [from, to]);
        for (let i = 1; i < bounds.length; i++) expect(compareBytes(bounds[i - 1]!, bounds[i]!)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('is one stretch for each of several values, in order and once', () => {
    const ranges = keyRanges({ operator: 'in', values: ['500', 500, true, 500, 'true', 500n] });
    expect(ranges.map(({ from }) => Buffer.from(from).toString('hex'))).toEqual([
      '0101',
      '02c07f400000000000',
      '03353030',
      '0374727565',
    ]);
    expect(keyRanges({ operator: 'in', values: [] })).toEqual([]);
  });
});
