/**
 * How an attribute's value compares with what is searched: by type first, then ints and doubles as the numbers they are, text by
 * the first `MAX_TERM_BYTES` of its UTF-8, false before true. Lists, maps, bytes and null compare with nothing.
 */

import { MAX_TERM_BYTES } from '../limits.ts';
import type { AttributeValue } from '../span.ts';
import type { SearchValue, ValueTest } from './conditions.ts';

const encoder = new TextEncoder();
/** What a decoded span has in place of an integer beyond 2^53 looks like this. */
const LARGE_INTEGER = /^-?[1-9]\d{15,18}$/;

/**
 * What a value counts as; null where it compares with nothing. A decoded span has large integers and numbers that are not
 * finite as text, so text that looks like a large integer counts as one, and NaN and the infinities count as their names.
 */
export function toSearchValue(value: AttributeValue | bigint): SearchValue | null {
  switch (typeof value) {
    case 'string':
      return LARGE_INTEGER.test(value) ? (parseLargeInteger(value) ?? value) : value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'bigint':
      return value;
    case 'object':
      return null;
  }
}

/** The integer that digits name, when it is beyond 2^53 and fits 64 bits. */
export function parseLargeInteger(digits: string): bigint | null {
  if (Number.isSafeInteger(Number(digits))) return null;
  const integer = BigInt(digits);
  return BigInt.asIntN(64, integer) === integer ? integer : null;
}

/** Whether an attribute that is there passes. A value of another type, or one that compares with nothing, is not equal. */
export function passesTest(value: AttributeValue | bigint, test: ValueTest): boolean {
  if (test.operator === 'exists') return true;
  if (test.operator === 'in') return test.values.some((equal) => passesTest(value, { operator: '=', value: equal }));
  const order = compareValues(toSearchValue(value), toSearchValue(test.value));
  switch (test.operator) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '>':
      return order !== null && order > 0;
    case '>=':
      return order !== null && order >= 0;
    case '<':
      return order !== null && order < 0;
    case '<=':
      return order !== null && order <= 0;
  }
}

/** The part of a text that is searched. */
export function encodeSearched(text: string): Uint8Array {
  // One unit more than there can be bytes, so that the cut is never inside a character that counts.
  const bytes = encoder.encode(text.slice(0, MAX_TERM_BYTES + 1));
  return bytes.subarray(0, MAX_TERM_BYTES);
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** null where the types differ. */
function compareValues(a: SearchValue | null, b: SearchValue | null): number | null {
  if (typeof a === 'string' && typeof b === 'string') return compareBytes(encodeSearched(a), encodeSearched(b));
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  // A number and a bigint compare exactly, without rounding the bigint.
  if (isNumeric(a) && isNumeric(b)) return a < b ? -1 : a > b ? 1 : 0;
  return null;
}

function isNumeric(value: SearchValue | null): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}
