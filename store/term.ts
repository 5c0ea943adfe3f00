/**
 * What a trace can be found by: an attribute of a span or a resource with its typed value, a service, an operation of a
 * service. A term is a kind, a key, a type and a value, the last two as OTLP's wire has them; keys and values are cut at
 * `MAX_TERM_BYTES`, in the index and in what is looked for.
 */

import { createByteWriter } from '../model/bytes.ts';
import { MAX_TERM_BYTES } from '../model/limits.ts';
import { ANY_VALUE } from '../model/otlp/fields.ts';

/** Numbers are in blocks: never reused. Of a service the key is empty, of an operation it is the service. */
export const TERM_KINDS = { span: 1, resource: 2, service: 3, operation: 4 } as const;
export type TermKind = (typeof TERM_KINDS)[keyof typeof TERM_KINDS];

export interface Term {
  readonly kind: TermKind;
  readonly key: Uint8Array;
  /** Field number in OTLP's AnyValue: string, bool, int or double. */
  readonly type: number;
  /** UTF-8, a varint, or eight bytes. */
  readonly value: Uint8Array;
}

const encoder = new TextEncoder();

/** A number that is an integer is meant as OTLP's int, unless `asDouble`. */
export function attributeTerm(
  kind: 'span' | 'resource',
  key: string,
  value: string | number | boolean,
  asDouble = false,
): Term {
  return { kind: TERM_KINDS[kind], key: cutTerm(encoder.encode(key)), ...encodeValue(value, asDouble) };
}

export function serviceTerm(service: string): Term {
  return { kind: TERM_KINDS.service, key: new Uint8Array(0), ...encodeValue(service, false) };
}

export function operationTerm(service: string, operation: string): Term {
  return { kind: TERM_KINDS.operation, key: cutTerm(encoder.encode(service)), ...encodeValue(operation, false) };
}

/** At most `MAX_TERM_BYTES` of it. */
export function cutTerm(bytes: Uint8Array): Uint8Array {
  return bytes.length > MAX_TERM_BYTES ? bytes.subarray(0, MAX_TERM_BYTES) : bytes;
}

export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function encodeValue(value: string | number | boolean, asDouble: boolean): Pick<Term, 'type' | 'value'> {
  if (typeof value === 'string') return { type: ANY_VALUE.stringValue, value: cutTerm(encoder.encode(value)) };
  if (typeof value === 'boolean') return { type: ANY_VALUE.boolValue, value: new Uint8Array([Number(value)]) };
  // -0 is no int: OTLP has it as a double.
  if (Number.isSafeInteger(value) && !Object.is(value, -0) && !asDouble)
    return { type: ANY_VALUE.intValue, value: encodeInt(value) };
  return { type: ANY_VALUE.doubleValue, value: new Uint8Array(new Float64Array([value]).buffer) };
}

function encodeInt(value: number): Uint8Array {
  const writer = createByteWriter();
  if (value >= 0) {
    writer.varint(value);
    return writer.written();
  }
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) writer.u8(Number(rest & 0x7fn) | 0x80);
  writer.u8(Number(rest));
  return writer.written();
}
