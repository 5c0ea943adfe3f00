/**
 * Checks the structure of a span's nested messages by key and length only, so that decoding them later cannot fail.
 */

import { ANY_VALUE, ARRAY_VALUE, KEY_VALUE } from './fields.ts';
import { ProtoError, type ProtoReader } from './proto-reader.ts';
import { BYTES, FIXED32, FIXED64, VARINT } from './proto-writer.ts';

/** Messages nested deeper than this in an attribute's value reject the span: readers recurse. */
export const MAX_VALUE_DEPTH = 32;
/** Wire type of each known field, by field number. */
export const EVENT_TYPES: readonly (number | undefined)[] = [undefined, FIXED64, BYTES, BYTES, VARINT];
export const LINK_TYPES: readonly (number | undefined)[] = [undefined, BYTES, BYTES, BYTES, BYTES, VARINT, FIXED32];
export const RESOURCE_TYPES: readonly (number | undefined)[] = [undefined, BYTES, VARINT];
export const SCOPE_TYPES: readonly (number | undefined)[] = [undefined, BYTES, BYTES, BYTES, VARINT];
const ANY_VALUE_TYPES: readonly (number | undefined)[] = [
  undefined,
  BYTES,
  VARINT,
  VARINT,
  FIXED64,
  BYTES,
  BYTES,
  BYTES,
];

const KEY_TAG = (KEY_VALUE.key << 3) | BYTES;
const VALUE_TAG = (KEY_VALUE.value << 3) | BYTES;
const STRING_TAG = (ANY_VALUE.stringValue << 3) | BYTES;
const BOOL_TAG = (ANY_VALUE.boolValue << 3) | VARINT;
const INT_TAG = (ANY_VALUE.intValue << 3) | VARINT;
const DOUBLE_TAG = (ANY_VALUE.doubleValue << 3) | FIXED64;

/** Checks the structure of the Event, Link, Resource or Scope at the reader's current value; leaves it at `end`. */
export function walkChild(
  reader: ProtoReader,
  end: number,
  attributesField: number,
  types: readonly (number | undefined)[],
): void {
  reader.position = reader.valueStart;
  while (reader.next(end)) {
    const type = types[reader.field];
    if (type !== undefined) expect(reader, type, `field ${reader.field}`);
    if (reader.field === attributesField) {
      const next = reader.valueEnd;
      walkKeyValue(reader, next, 0);
      reader.position = next;
    }
  }
}

/** Checks the structure of the KeyValue at the reader's current value; leaves the reader at `end`. */
export function walkKeyValue(reader: ProtoReader, end: number, depth: number): void {
  if (depth <= MAX_VALUE_DEPTH && isUsualKeyValue(reader.bytes, reader.valueStart, end)) {
    reader.position = end;
    return;
  }
  reader.position = reader.valueStart;
  while (reader.next(end)) {
    if (reader.field === KEY_VALUE.key) expect(reader, BYTES, 'key');
    else if (reader.field === KEY_VALUE.value) {
      expect(reader, BYTES, 'value');
      walkAnyValue(reader, reader.valueEnd, depth);
    }
  }
}

/**
 * True for a KeyValue as nearly all are: a key of less than 128 bytes, then a value that is one string, bool, int or double
 * and nothing else. False says nothing.
 */
export function isUsualKeyValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (start + 2 > end || bytes[start] !== KEY_TAG || bytes[start + 1]! > 0x7f) return false;
  let at = start + 2 + bytes[start + 1]!;
  if (at + 4 > end || bytes[at] !== VALUE_TAG) return false;
  let length = bytes[at + 1]!;
  at += 2;
  if (length > 0x7f) {
    if (bytes[at]! > 0x7f) return false;
    length += (bytes[at]! << 7) - 0x80;
    at++;
  }
  if (at + length !== end || length < 2) return false;
  switch (bytes[at]) {
    case STRING_TAG: {
      const first = bytes[at + 1]!;
      if (first < 0x80) return at + 2 + first === end;
      return length > 2 && bytes[at + 2]! < 0x80 && at + 3 + (first & 0x7f) + (bytes[at + 2]! << 7) === end;
    }
    case INT_TAG:
    case BOOL_TAG: {
      const last = end - 1;
      if (length > 11) return false;
      for (at++; at < last; at++) if (bytes[at]! < 0x80) return false;
      return bytes[last]! < 0x80;
    }
    case DOUBLE_TAG:
      return length === 9;
    default:
      return false;
  }
}

function walkAnyValue(reader: ProtoReader, end: number, depth: number): void {
  if (depth > MAX_VALUE_DEPTH) throw new ProtoError('value is nested too deeply', reader.valueStart);
  reader.position = reader.valueStart;
  while (reader.next(end)) {
    const type = ANY_VALUE_TYPES[reader.field];
    if (type !== undefined) expect(reader, type, `value field ${reader.field}`);
    const kind: number = reader.field;
    if (kind !== ANY_VALUE.arrayValue && kind !== ANY_VALUE.kvlistValue) continue;
    const next = reader.valueEnd;
    reader.position = reader.valueStart;
    while (reader.next(next)) {
      if ((reader.field as number) !== ARRAY_VALUE.values) continue;
      expect(reader, BYTES, 'values');
      if (kind === ANY_VALUE.arrayValue) walkAnyValue(reader, reader.valueEnd, depth + 1);
      else walkKeyValue(reader, reader.valueEnd, depth + 1);
    }
  }
}

/** The current field must have this wire type. */
export function expect(reader: ProtoReader, wireType: number, what: string): void {
  if (reader.wireType !== wireType) {
    throw new ProtoError(`${what} has wire type ${reader.wireType}, not ${wireType}`, reader.valueStart);
  }
}
