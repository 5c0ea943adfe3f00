/**
 * Keys of terms: bytes that sort by kind, then by attribute, then by value. A kind is a byte; an attribute's key, and the service
 * of a pair, come after their length in two bytes, so that none is mistaken for the beginning of another.
 */

import { MAX_QUERY_CHARS } from '../../model/limits.ts';
import { cutName } from '../../model/names.ts';

/** In files: never reused. */
export const KINDS = {
  service: 1,
  operation: 2,
  /** A service and an operation of one span. */
  pair: 3,
  rootService: 4,
  rootOperation: 5,
  span: 6,
  resource: 7,
  /** Of the root span or its resource. */
  root: 8,
} as const;
export type Kind = (typeof KINDS)[keyof typeof KINDS];

/** Attributes with longer keys are not indexed: no query line can name them. A UTF-16 unit is at most three bytes of UTF-8. */
export const MAX_ATTRIBUTE_KEY_BYTES = 3 * MAX_QUERY_CHARS;

const encoder = new TextEncoder();

/** A name as far as it is searched. */
export function encodeName(name: string): Uint8Array {
  return encoder.encode(cutName(name));
}

export function nameKey(kind: Kind, name: string): Uint8Array {
  return withKind(kind, encodeName(name));
}

export function pairKey(service: string, operation: string): Uint8Array {
  return withKind(KINDS.pair, pairTail(encodeName(service), encodeName(operation)));
}

/** What the key of a pair has after its kind. */
export function pairTail(service: Uint8Array, operation: Uint8Array): Uint8Array {
  return withLength(service, operation);
}

/** `value` is an index key (`model/query/index-key.ts`), or empty for the term of all traces that have the attribute. */
export function attributeKey(kind: Kind, key: Uint8Array, value: Uint8Array): Uint8Array {
  return withKind(kind, attributeTail(key, value));
}

/** What the key of an attribute has after its kind. */
export function attributeTail(key: Uint8Array, value: Uint8Array): Uint8Array {
  return withLength(key, value);
}

function withKind(kind: Kind, tail: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + tail.length);
  key[0] = kind;
  key.set(tail, 1);
  return key;
}

function withLength(first: Uint8Array, rest: Uint8Array): Uint8Array {
  const tail = new Uint8Array(2 + first.length + rest.length);
  tail[0] = first.length >> 8;
  tail[1] = first.length & 0xff;
  tail.set(first, 2);
  tail.set(rest, 2 + first.length);
  return tail;
}
