import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_TERM_BYTES } from '../../../model/limits.ts';
import { decodeAttributes } from '../../../model/otlp/attributes.ts';
import { type AnyValue, KeyValueSchema } from '../../../model/otlp/gen/trace_pb.js';
import { isUsualKeyValue } from '../../../model/otlp/walk.ts';
import { encodeIndexKey } from '../../../model/query/index-key.ts';
import { encodeUsualValue } from '../../../store/segment/usual-value.ts';
import { largeInteger } from '../../model/query/arbitrary-conditions.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 300, size: 'max' }),
  fc.nat(40).map((more) => `${'x'.repeat(MAX_TERM_BYTES - 20 + more)}é`),
  largeInteger.map(String),
  fc.constantFrom('', '-', '1234567890123456', '12345678901234567890', '-9223372036854775808', '-9223372036854775809'),
);
const value: fc.Arbitrary<AnyValue['value']> = fc.oneof(
  text.map((of) => ({ case: 'stringValue' as const, value: of })),
  fc.boolean().map((of) => ({ case: 'boolValue' as const, value: of })),
  fc
    .oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.integer({ min: -300, max: 300 }).map(BigInt),
      fc.nat(63).map((shift) => (1n << BigInt(shift)) - 1n),
    )
    .map((of) => ({ case: 'intValue' as const, value: of })),
  fc.double().map((of) => ({ case: 'doubleValue' as const, value: of })),
);

test('property: the key of a usual value is that of the decoded one, or is left to the general code', () => {
  let usual = 0;
  fc.assert(
    fc.property(value, (of) => {
      const bytes = toBinary(KeyValueSchema, create(KeyValueSchema, { key: 'key', value: { value: of } }));
      if (!isUsualKeyValue(bytes, 0, bytes.length)) return;
      const decoded = decodeAttributes([fromBinary(KeyValueSchema, bytes)]).key!;
      const key = encodeUsualValue(bytes, bytes[6]! > 0x7f ? 8 : 7, bytes.length);
      if (key === null) return;
      usual++;
      expect(key.bytes.slice(0, key.length)).toEqual(encodeIndexKey(decoded));
    }),
    { numRuns: 5_000, examples: [[{ case: 'doubleValue', value: -0 }], [{ case: 'intValue', value: 2n ** 49n }]] },
  );
  expect(usual).toBeGreaterThan(2_500);
});
