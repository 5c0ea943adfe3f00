/** Typed access to parsed JSON that names the path of what is wrong. Absent and null fields are protobuf's defaults. */

import type { RejectionReason } from '../reasons.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Something in the JSON is not what OTLP has there. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  /** Why the span around it is rejected, where there is one. */
  readonly reason: RejectionReason;
  /** Where it is. */
  readonly path: string;

  constructor(path: string, want: string, reason: RejectionReason = 'malformed_span') {
    super(`${path}: ${want}`);
    this.path = path;
    this.reason = reason;
  }
}

export function objectAt(value: unknown, path: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new JsonError(path, 'want an object');
  return value as JsonObject;
}

/** The objects of the array at `key`, each with its path. */
export function* arrayAt(owner: JsonObject, key: string, path: string): Generator<[JsonObject, string]> {
  const value = owner[key];
  if (value == null) return;
  const at = path === '' ? key : `${path}.${key}`;
  if (!Array.isArray(value)) throw new JsonError(at, 'want an array');
  for (const [i, item] of value.entries()) yield [objectAt(item, `${at}[${i}]`), `${at}[${i}]`];
}

export function stringAt(owner: JsonObject, key: string, path: string): string {
  const value = owner[key];
  if (typeof value !== 'string') throw new JsonError(`${path}.${key}`, 'want a string');
  return value;
}

/** An unsigned 32-bit integer, given as a number or a decimal string. */
export function numberAt(owner: JsonObject, key: string, path: string): number {
  const given = owner[key] ?? 0;
  const value = typeof given === 'string' && /^\d{1,10}$/.test(given) ? Number(given) : given;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new JsonError(`${path}.${key}`, 'want an integer from 0 to 4294967295');
  }
  return value;
}

/** An unsigned 64-bit integer, given as a decimal string or a number. */
export function uint64At(owner: JsonObject, key: string, path: string): bigint {
  const value = owner[key] ?? 0;
  const isInteger =
    typeof value === 'number'
      ? Number.isInteger(value) && value >= 0
      : typeof value === 'string' && /^\d{1,20}$/.test(value);
  const number = isInteger ? BigInt(value as number | string) : -1n;
  if (number < 0n || number >= 2n ** 64n) {
    throw new JsonError(`${path}.${key}`, 'want nanoseconds since the epoch as a decimal string', 'invalid_time');
  }
  return number;
}

/** An enum's number, given as that or as its name with `prefix`. Unknown numbers are 0, as readers treat them. */
export function enumAt(owner: JsonObject, key: string, prefix: string, names: readonly string[], path: string): number {
  const value = owner[key] ?? 0;
  const number = typeof value === 'string' ? names.indexOf(value.replace(prefix, '')) : value;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0) {
    throw new JsonError(`${path}.${key}`, 'want an integer');
  }
  return number < names.length ? number : 0;
}
