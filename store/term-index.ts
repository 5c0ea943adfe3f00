/**
 * The terms of a block and which of its traces have them. `docs/block-format.md` has the bytes. A trace is named by its place
 * in the block's trace index.
 */

import { ByteReader, createByteWriter } from '../model/bytes.ts';
import { BlockError } from './errors.ts';
import type { TermKind } from './term.ts';

export interface TermIndex {
  /** Traces in the block. */
  readonly traceCount: number;
  /** Some traces or keys are not in it: what is not found may be there all the same. */
  readonly isIncomplete: boolean;
  readonly keys: readonly TermKey[];
}

/** A key with the values it has in the block, in the order in which they first came. */
export interface TermKey {
  readonly kind: TermKind;
  readonly key: Uint8Array;
  /** There were more values than `MAX_VALUES_PER_KEY`. */
  readonly isIncomplete: boolean;
  readonly values: readonly TermValue[];
}

export interface TermValue {
  readonly type: number;
  readonly value: Uint8Array;
  /** Ascending. */
  readonly traces: readonly number[];
}

const INCOMPLETE = 1;

/** The index of some of the traces: `places[i]` is where the trace at place `i` is now, -1 when it is gone. */
export function filterTerms(index: TermIndex, places: readonly number[]): TermIndex {
  const keep = (traces: readonly number[]) => traces.map((trace) => places[trace]!).filter((place) => place >= 0);
  const keys = index.keys
    .map((key) => ({
      ...key,
      values: key.values
        .map((value) => ({ ...value, traces: keep(value.traces) }))
        .filter((value) => value.traces.length > 0),
    }))
    .filter((key) => key.isIncomplete || key.values.length > 0);
  return { ...index, traceCount: places.filter((place) => place >= 0).length, keys };
}

export function encodeTerms({ traceCount, isIncomplete, keys }: TermIndex): Uint8Array {
  const writer = createByteWriter();
  writer.u8(isIncomplete ? INCOMPLETE : 0);
  writer.varint(traceCount);
  writer.varint(keys.length);
  for (const key of keys) {
    writer.u8(key.kind);
    writer.u8(key.isIncomplete ? INCOMPLETE : 0);
    writer.varint(key.key.length);
    writer.raw(key.key);
    writer.varint(key.values.length);
    for (const { type, value, traces } of key.values) {
      writer.u8(type);
      writer.varint(value.length);
      writer.raw(value);
      writer.varint(traces.length);
      if (isBitmap(traces.length, traceCount)) writer.raw(encodeBitmap(traces, traceCount));
      else for (let i = 0, last = 0; i < traces.length; last = traces[i++]!) writer.varint(traces[i]! - last);
    }
  }
  return writer.written();
}

/** @throws BlockError `bad_terms` */
export function decodeTerms(bytes: Uint8Array): TermIndex {
  const reader = new ByteReader(bytes, (fault, offset, what) => {
    throw new BlockError('bad_terms', `${fault} at byte ${offset}, ${what}`);
  });
  const isIncomplete = reader.u8('flags') === INCOMPLETE;
  const traceCount = reader.varint('number of traces');
  const keyCount = readCount(reader, 'keys');
  const keys: TermKey[] = [];
  for (let i = 0; i < keyCount; i++) {
    const kind = reader.u8('kind') as TermKind;
    const isKeyIncomplete = reader.u8('flags') === INCOMPLETE;
    const key = reader.raw(reader.varint('key'), 'key');
    const valueCount = readCount(reader, 'values');
    const values: TermValue[] = [];
    for (let j = 0; j < valueCount; j++) {
      const type = reader.u8('type');
      const value = reader.raw(reader.varint('value'), 'value');
      values.push({ type, value, traces: decodeTraces(reader, traceCount) });
    }
    keys.push({ kind, key, isIncomplete: isKeyIncomplete, values });
  }
  return { traceCount, isIncomplete, keys };
}

/** A bit a trace takes less than a byte for each of many. */
function isBitmap(count: number, traceCount: number): boolean {
  return count > Math.ceil(traceCount / 8);
}

function encodeBitmap(traces: readonly number[], traceCount: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(traceCount / 8));
  for (const trace of traces) bits[trace >> 3]! |= 1 << (trace & 7);
  return bits;
}

function decodeTraces(reader: ByteReader, traceCount: number): number[] {
  const count = reader.varint('number of traces with a term');
  const traces: number[] = [];
  if (count > traceCount) throw new BlockError('bad_terms', `${count} of ${traceCount} traces`);
  if (isBitmap(count, traceCount)) {
    const bits = reader.raw(Math.ceil(traceCount / 8), 'bitmap of traces');
    for (let trace = 0; trace < traceCount; trace++) if (bits[trace >> 3]! & (1 << (trace & 7))) traces.push(trace);
  } else for (let i = 0; i < count; i++) traces.push((traces.at(-1) ?? 0) + reader.varint('trace'));
  if (traces.length !== count || (count > 0 && traces.at(-1)! >= traceCount)) {
    throw new BlockError('bad_terms', `a trace beyond ${traceCount}`);
  }
  return traces;
}

function readCount(reader: ByteReader, what: string): number {
  const count = reader.varint(`number of ${what}`);
  if (count > reader.remaining) throw new BlockError('bad_terms', `${count} ${what} in ${reader.remaining} bytes`);
  return count;
}
