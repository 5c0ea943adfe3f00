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
  reader.position = reader.valueStart;
  while (reader.next(end)) {
    if (reader.field === KEY_VALUE.key) expect(reader, BYTES, 'key');
    else if (reader.field === KEY_VALUE.value) {
      expect(reader, BYTES, 'value');
      walkAnyValue(reader, reader.valueEnd, depth);
    }
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
