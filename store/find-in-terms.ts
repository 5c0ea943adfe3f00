/** Searches a block by its terms alone, where no segment covers it yet. */

import { MAX_TERM_BYTES } from '../model/limits.ts';
import { ANY_VALUE } from '../model/otlp/fields.ts';
import type { AttributeCondition, TraceConditions } from '../model/query/conditions.ts';
import { encodeIndexKey, keyRanges } from '../model/query/index-key.ts';
import { compareBytes, toSearchValue } from '../model/query/value.ts';
import type { AttributeValue } from '../model/span.ts';
import { Ordinals } from './segment/ordinals.ts';
import { encodeName } from './segment/term-key.ts';
import { cutTerm, isSameBytes, TERM_KINDS, type TermKind } from './term.ts';
import type { TermIndex, TermValue } from './term-index.ts';

export interface FoundInTerms {
  /** Ascending. What is not here does not match. */
  readonly places: readonly number[];
  /**
   * All that is here does match. Holds of traces that are in this block alone, whose spans, and the keys of each, do not repeat,
   * and whose resources have spans.
   */
  readonly isExact: boolean;
}

/** What passes one condition; of an inexact one perhaps. */
interface Candidates {
  readonly places: Ordinals;
  readonly isExact: boolean;
}

const NOT_TEXT: ReadonlySet<string> = new Set(['', 'unknown_service', 'NaN', 'Infinity', '-Infinity']);
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/**
 * The traces of a block that may meet the conditions with what the block has of them. Conditions on duration and status are not
 * looked at: terms say nothing of them.
 */
export function findInTerms(index: TermIndex, conditions: TraceConditions): FoundInTerms {
  const found = Ordinals.all(index.traceCount);
  let isExact = true;
  for (const candidates of candidatesOf(index, conditions)) {
    found.intersect(candidates.places);
    isExact &&= candidates.isExact;
  }
  return { places: [...found.iterate()], isExact: isExact || found.isEmpty };
}

function candidatesOf(index: TermIndex, conditions: TraceConditions): Candidates[] {
  const { service, operation, rootService, rootOperation, attributes } = conditions;
  const candidates = attributes.map((condition) => withAttribute(index, condition));
  if (service !== undefined || operation !== undefined) candidates.push(withNames(index, service, operation));
  if (rootService !== undefined || rootOperation !== undefined) {
    // Any span may be the root.
    candidates.push({ places: withNames(index, rootService, rootOperation).places, isExact: false });
  }
  return index.isIncomplete ? candidates.map(() => everything(index)) : candidates;
}

function withNames(index: TermIndex, service: string | undefined, operation: string | undefined): Candidates {
  // A span without a name has no term for it, and one without a service, or with a number as its name, is not known by its terms.
  if (operation === '' || (service !== undefined && isUnnamed(service))) return everything(index);
  const serviceName = service === undefined ? null : encodeName(service);
  if (operation === undefined) return withValue(index, TERM_KINDS.service, null, serviceName!);
  return withValue(index, TERM_KINDS.operation, serviceName, encodeName(operation));
}

/** Whether spans can have this service without a text that says so: numbers and what is no text are names too. */
function isUnnamed(service: string): boolean {
  return NOT_TEXT.has(service) || typeof toSearchValue(service) !== 'string';
}

function withAttribute(index: TermIndex, { on, key, test }: AttributeCondition): Candidates {
  // Keys of spans are valid Unicode.
  if (!key.isWellFormed()) return { places: new Ordinals(index.traceCount), isExact: true };
  // Lists, maps, bytes and null pass these two, and are no terms.
  if (test.operator === 'exists' || test.operator === '!=') return everything(index);
  const ranges = keyRanges(test);
  const passes = (value: TermValue) => {
    const indexKey = indexKeyOf(value);
    return ranges.some(({ from, to }) => compareBytes(from, indexKey) <= 0 && compareBytes(indexKey, to) < 0);
  };
  const name = encoder.encode(key);
  const kinds = on === 'span' || on === 'resource' ? [TERM_KINDS[on]] : [TERM_KINDS.span, TERM_KINDS.resource];
  const ofKinds = kinds.map((kind) => withValue(index, kind, name, passes));
  for (const { places } of ofKinds.slice(1)) ofKinds[0]!.places.unite(places);
  return { places: ofKinds[0]!.places, isExact: on !== 'root' && ofKinds.every(({ isExact }) => isExact) };
}

/** The traces with a value that passes, or is the same, of one key or of all of a kind. */
function withValue(
  index: TermIndex,
  kind: TermKind,
  key: Uint8Array | null,
  value: Uint8Array | ((value: TermValue) => boolean),
): Candidates {
  const places = new Ordinals(index.traceCount);
  let isExact = isWhole(key) && (typeof value === 'function' || isWhole(value));
  const passes = typeof value === 'function' ? value : (each: TermValue) => isSameBytes(each.value, cutTerm(value));
  for (const each of index.keys) {
    if (each.kind !== kind || !(key === null || isSameBytes(each.key, cutTerm(key)) || isUnclear(each.key))) continue;
    if (each.isIncomplete) return everything(index);
    if (isUnclear(each.key)) isExact = false;
    for (const found of each.values) {
      const mayPass = found.type === ANY_VALUE.stringValue && isUnclear(found.value);
      if (!mayPass && !passes(found)) continue;
      if (mayPass) isExact = false;
      for (const place of found.traces) places.add(place);
    }
  }
  return { places, isExact };
}

/** Of what is longer only the beginning is known. */
function isWhole(searched: Uint8Array | null): boolean {
  return searched === null || searched.length < MAX_TERM_BYTES;
}

/** Not UTF-8, or cut within a character: terms have the bytes that came, and spans the text that is decoded of them. */
function isUnclear(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte > 0x7f) && !isSameBytes(encoder.encode(decoder.decode(bytes)), bytes);
}

function everything(index: TermIndex): Candidates {
  return { places: Ordinals.all(index.traceCount), isExact: false };
}

/** What the value of a term is compared by. Text is cut where terms are, so that its bytes are all that counts. */
function indexKeyOf({ type, value }: TermValue): Uint8Array {
  if (type !== ANY_VALUE.stringValue || value.length < MAX_TERM_BYTES) return encodeIndexKey(decodeValue(type, value));
  const key = encodeIndexKey('x'.repeat(MAX_TERM_BYTES));
  key.set(value, 1);
  return key;
}

function decodeValue(type: number, value: Uint8Array): AttributeValue | bigint {
  switch (type) {
    case ANY_VALUE.stringValue:
      return decoder.decode(value);
    case ANY_VALUE.boolValue:
      return value.some((byte) => (byte & 0x7f) !== 0);
    case ANY_VALUE.intValue: {
      let integer = 0n;
      for (const [i, byte] of value.entries()) integer |= BigInt(byte & 0x7f) << BigInt(7 * i);
      return BigInt.asIntN(64, integer);
    }
    default:
      return new DataView(value.buffer, value.byteOffset, value.byteLength).getFloat64(0, true);
  }
}
