/**
 * What a shard's log is made of. A log row is a version byte and then records, each
 *
 *     1 byte type · 4 bytes length (little-endian) · payload
 *
 * Everything a shard knows follows from its records in order: a restart applies them again and never decides again.
 * Formats and their history are in docs/log-format.md.
 */

import type { Decision } from '../model/span.ts';

export const LOG_ROW_VERSION = 1;
const HEADER_BYTES = 5;

/** Slices that were acknowledged; the payload is 8 bytes time of arrival (float64 ms) and a slice frame. */
export const APPEND = 1;
/** Decisions that take effect; JSON `DecideRecord[]`. */
export const DECIDE = 2;
/** What the next block will hold, before it is written; JSON `SealRecord`. */
export const SEAL = 3;
/** The sealed block and its summaries are stored, or given up as unstorable; JSON `StoredRecord`. */
export const STORED = 4;
/** A trace's unsettled slices, moved here before their bucket is dropped; payload like APPEND, with the state before. */
export const CARRY = 5;

/** Settled traces that are forgotten though later buckets have slices of them; JSON `string[]`. */
export const FORGET = 6;

/** Covers all slices of the trace that came before it in the log. */
export interface DecideRecord {
  readonly traceId: string;
  readonly decision: Decision;
  /** Revision that the part stored by it will have. */
  readonly revision: number;
}

/** Covers the first `slices` slices of each trace that are decided but not stored. */
export interface SealRecord {
  readonly block: number;
  readonly key: string;
  readonly traces: readonly (readonly [traceId: string, revision: number, slices: number])[];
}

export interface StoredRecord {
  readonly block: number;
  /** The store refuses the trace for ever: its spans are counted as lost. */
  readonly unstorable: boolean;
}

/** State of a carried trace, as far as its slices do not tell it. */
export interface CarryRecord {
  readonly traceId: string;
  /** When its first span came, milliseconds since the epoch. */
  readonly firstMs: number;
  /** Earlier slices are not in the log any more. */
  readonly forgotten: boolean;
  readonly decision: Decision | null;
  /** The highest so far. */
  readonly revision: number;
  /** The first record of this trace's move; further ones add slices to it. */
  readonly begins: boolean;
  /** How many of all the carried slices the decision covers. */
  readonly decided: number;
  /** For each slice of this record, how many spans were new with it. */
  readonly newSpans: readonly number[];
}

export interface LogRecord {
  readonly type: number;
  /** Range of the payload in the row. */
  readonly start: number;
  readonly end: number;
}

/** One record's bytes, ready to stand in a row. */
export function encodeRecord(type: number, payload: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of payload) length += part.length;
  const bytes = new Uint8Array(HEADER_BYTES + length);
  bytes[0] = type;
  new DataView(bytes.buffer).setUint32(1, length, true);
  let at = HEADER_BYTES;
  for (const part of payload) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeJsonRecord(
  type: number,
  payload: DecideRecord[] | SealRecord | StoredRecord | string[],
): Uint8Array {
  return encodeRecord(type, [encoder.encode(JSON.stringify(payload))]);
}

/** Reads the JSON payload of a record this module wrote. */
export function readJson<T>(row: Uint8Array, start: number, end: number): T {
  return JSON.parse(decoder.decode(row.subarray(start, end))) as T;
}

export function encodeAppend(receivedMs: number, frame: Uint8Array): Uint8Array {
  return encodeRecord(APPEND, [float64(receivedMs), frame]);
}

export function readReceivedMs(row: Uint8Array, start: number): number {
  return new DataView(row.buffer, row.byteOffset).getFloat64(start, true);
}

/** Where the frame begins in the payload of an APPEND record. */
export const APPEND_FRAME_AT = 8;

export function encodeCarry(state: CarryRecord, frame: Uint8Array): Uint8Array {
  const json = encoder.encode(JSON.stringify(state));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.length, true);
  return encodeRecord(CARRY, [length, json, frame]);
}

/** The state of a CARRY record, and where its frame begins in the row. */
export function readCarry(row: Uint8Array, start: number): { state: CarryRecord; frameStart: number } {
  const frameStart = start + 4 + new DataView(row.buffer, row.byteOffset).getUint32(start, true);
  return { state: readJson<CarryRecord>(row, start + 4, frameStart), frameStart };
}

/** The records of a row. Throws RangeError when the row is not one this version can read. */
export function readRow(row: Uint8Array): LogRecord[] {
  if (row[0] !== LOG_ROW_VERSION) throw new RangeError(`log row has version ${row[0]}, not ${LOG_ROW_VERSION}`);
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  const records: LogRecord[] = [];
  for (let at = 1; at < row.length; ) {
    const start = at + HEADER_BYTES;
    const end = start + view.getUint32(at + 1, true);
    if (end > row.length) throw new RangeError(`log record is cut off at byte ${at}`);
    records.push({ type: row[at]!, start, end });
    at = end;
  }
  return records;
}

function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}
