/** Index keys of values as nearly all are, made of the bytes of OTLP's AnyValue without a string or a number between. */

import { MAX_TERM_BYTES } from '../../model/limits.ts';
import { ANY_VALUE } from '../../model/otlp/fields.ts';

/** As in `model/query/index-key.ts`. */
const TYPES = { bool: 1, number: 2, text: 3 } as const;
/** Text that may be an integer beyond 2^53 is left to the general code: it has 16 digits, or a sign and up to 19. */
const MIN_INTEGER_CHARS = 16;
const MAX_INTEGER_CHARS = 20;
/** Bytes of varints below 2^49. */
const MAX_INT_BYTES = 7;

const key = { bytes: new Uint8Array(1 + MAX_TERM_BYTES), length: 0 };
const view = new DataView(key.bytes.buffer);

/**
 * The index key of the value of a usual KeyValue (`isUsualKeyValue`), whose one field is from `start` to `end`; valid until the next
 * call. Null for what only the general code can tell.
 */
export function encodeUsualValue(
  bytes: Uint8Array,
  start: number,
  end: number,
): { bytes: Uint8Array; length: number } | null {
  switch (bytes[start]! >> 3) {
    case ANY_VALUE.stringValue:
      return encodeAscii(bytes, start + (bytes[start + 1]! > 0x7f ? 3 : 2), end);
    case ANY_VALUE.boolValue:
      key.bytes[0] = TYPES.bool;
      key.bytes[1] = 0;
      for (let i = start + 1; i < end; i++) if ((bytes[i]! & 0x7f) !== 0) key.bytes[1] = 1;
      key.length = 2;
      return key;
    case ANY_VALUE.intValue: {
      if (end - start - 1 > MAX_INT_BYTES) return null;
      let value = 0;
      for (let i = end - 1; i > start; i--) value = value * 128 + (bytes[i]! & 0x7f);
      return encodeNumber(value);
    }
    default:
      for (let i = 0; i < 8; i++) key.bytes[1 + i] = bytes[start + 1 + i]!;
      return encodeNumber(view.getFloat64(1, true));
  }
}

function encodeAscii(bytes: Uint8Array, start: number, end: number): typeof key | null {
  const length = end - start;
  if (length >= MIN_INTEGER_CHARS && length <= MAX_INTEGER_CHARS && isDigit(bytes[start + 1]!)) return null;
  const searched = Math.min(length, MAX_TERM_BYTES);
  key.bytes[0] = TYPES.text;
  for (let i = 0; i < searched; i++) {
    const byte = bytes[start + i]!;
    if (byte > 0x7f) return null;
    key.bytes[1 + i] = byte;
  }
  key.length = 1 + searched;
  return key;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function encodeNumber(value: number): typeof key | null {
  if (!Number.isFinite(value)) return null;
  key.bytes[0] = TYPES.number;
  view.setFloat64(1, value === 0 ? 0 : value);
  if (key.bytes[1]! < 0x80) key.bytes[1]! |= 0x80;
  else for (let i = 1; i < 9; i++) key.bytes[i]! ^= 0xff;
  key.length = 9;
  return key;
}
