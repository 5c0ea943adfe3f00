/**
 * Values as bytes that sort as the values do, so that a sorted file answers equality and ranges by reading a stretch of it.
 *
 * A key is a byte for the type, then: of a bool 0 or 1; of text the first `MAX_TERM_BYTES` of its UTF-8; of a number eight bytes,
 * and two more where an integer is between two doubles; of everything else nothing. What values are equal is said in `value.ts`,
 * so an int and a double of the same number have the same key, and so have 0 and -0.
 */

import type { AttributeValue } from '../span.ts';
import type { SearchValue, ValueTest } from './conditions.ts';
import { compareBytes, encodeSearched, toSearchValue } from './value.ts';

/** In files: never reused. */
const TYPES = { bool: 1, number: 2, text: 3, other: 4 } as const;
const BEFORE_ALL = new Uint8Array([0]);
const AFTER_ALL = new Uint8Array([0xff]);
const SIGN = 1n << 63n;

/** Keys from `from` on, and before `to`. */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** The key of an attribute's value; an OTLP int beyond 2^53 may come as a bigint of 64 bits or as its digits. */
export function encodeIndexKey(value: AttributeValue | bigint): Uint8Array {
  const searched = toSearchValue(value);
  switch (typeof searched) {
    case 'boolean':
      return new Uint8Array([TYPES.bool, Number(searched)]);
    case 'string': {
      const text = encodeSearched(searched);
      const key = new Uint8Array(1 + text.length);
      key[0] = TYPES.text;
      key.set(text, 1);
      return key;
    }
    case 'number':
    case 'bigint':
      return encodeNumber(searched);
    case 'object':
      return new Uint8Array([TYPES.other]);
  }
}

/** Where the keys are of all values that pass a test, in order. */
export function keyRanges(test: ValueTest): KeyRange[] {
  if (test.operator === 'exists') return [{ from: BEFORE_ALL, to: AFTER_ALL }];
  if (test.operator === 'in') return distinctKeys(test.values).map((key) => ({ from: key, to: keyAfter(key) }));
  const key = encodeIndexKey(test.value);
  const next = keyAfter(key);
  const typeStart = key.subarray(0, 1);
  const typeEnd = new Uint8Array([key[0]! + 1]);
  switch (test.operator) {
    case '=':
      return [{ from: key, to: next }];
    case '!=':
      return [
        { from: BEFORE_ALL, to: key },
        { from: next, to: AFTER_ALL },
      ];
    case '>':
      return [{ from: next, to: typeEnd }];
    case '>=':
      return [{ from: key, to: typeEnd }];
    case '<':
      return [{ from: typeStart, to: key }];
    case '<=':
      return [{ from: typeStart, to: next }];
  }
}

/** Where the key would be that comes next. */
function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** In order, each once: several values can have one key. */
function distinctKeys(values: readonly SearchValue[]): Uint8Array[] {
  const keys = values.map(encodeIndexKey).sort(compareBytes);
  return keys.filter((key, i) => i === 0 || compareBytes(keys[i - 1]!, key) !== 0);
}

/** The double that is not above the number, then, big-endian, how far the number is above it: less than 1,024 in 64 bits. */
function encodeNumber(value: number | bigint): Uint8Array {
  const bits = new DataView(new ArrayBuffer(8));
  const nearest = Number(value);
  bits.setFloat64(0, nearest === 0 ? 0 : nearest);
  if (nearest > value) bits.setBigUint64(0, bits.getBigUint64(0) + (nearest > 0 ? -1n : 1n));
  const rest = typeof value === 'bigint' ? Number(value - BigInt(bits.getFloat64(0))) : 0;

  const key = new DataView(new ArrayBuffer(rest === 0 ? 9 : 11));
  key.setUint8(0, TYPES.number);
  const word = bits.getBigUint64(0);
  // Doubles sort as integers once the sign is turned over; the negative ones run backwards.
  key.setBigUint64(1, word < SIGN ? word | SIGN : BigInt.asUintN(64, ~word));
  if (rest !== 0) key.setUint16(9, rest);
  return new Uint8Array(key.buffer);
}
