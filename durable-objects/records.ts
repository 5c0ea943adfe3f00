/**
 * What a shard's log is made of. A log row is a version byte and then records, each
 *
 *     1 byte type · 4 bytes length (little-endian) · payload
 *
 * Everything a shard knows follows from its records in order: a restart applies them again and never decides again.
 * Formats and their history are in docs/log-format.md; what only version 1 wrote is in log-v1.ts.
 */

import type { Costs } from '../model/costs.ts';
import type { DecisionReason } from '../model/reasons.ts';
import { type Decision, RETENTION_CLASSES } from '../model/span.ts';
import type { Place } from './log.ts';
import type { TraceWords } from './trace-words.ts';

export const LOG_ROW_VERSION = 2;
const HEADER_BYTES = 5;

/** Slices that were acknowledged; the payload is 8 bytes time of arrival (float64 ms) and a slice frame. */
export const APPEND = 1;
/** What the next block will hold, before it is written; JSON `SealRecord`. */
export const SEAL = 3;
/** The sealed block and its summaries are stored, or given up as unstorable; JSON `StoredRecord`. */
export const STORED = 4;
/** Decisions that take effect; see `encodeDecisions`. */
export const DECIDE = 7;
/** Slices of live traces whose bucket is about to be dropped: a slice frame, each trace's slices from its oldest on. */
export const MOVE = 8;
/** A decided trace that is needed in memory again; see `encodeRecall`. */
export const RECALL = 9;
/** A piece of the checkpoint that a bucket begins with (`checkpoint.ts`). */
export const CHECKPOINT = 10;

/** What the shard has cost before this row was written; JSON `Costs`. */
export const COSTS = 11;

/** Covers all slices of the trace that came before it in the log. */
export interface DecideRecord {
  readonly id: TraceWords;
  readonly decision: Decision;
  /** Revision that the part stored by it will have. */
  readonly revision: number;
  /** Bits of the trace that say how it came to be decided: `EARLY`, `AT_LIMIT`. */
  readonly notes: number;
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

export interface LogRecord {
  readonly type: number;
  /** Range of the payload in the row. */
  readonly start: number;
  readonly end: number;
}

/** One record's bytes in pieces, so that they are copied once: into their row. */
export type EncodedRecord = readonly Uint8Array[];

export function encodeRecord(type: number, payload: readonly Uint8Array[]): EncodedRecord {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = type;
  new DataView(header.buffer).setUint32(1, lengthOf(payload), true);
  return [header, ...payload];
}

/** Bytes of all pieces. */
export function lengthOf(pieces: readonly Uint8Array[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeJsonRecord(type: number, payload: SealRecord | StoredRecord | Costs): EncodedRecord {
  return encodeRecord(type, [encoder.encode(JSON.stringify(payload))]);
}

/** Reads the JSON payload of a record this module wrote. */
export function readJson<T>(row: Uint8Array, start: number, end: number): T {
  return JSON.parse(decoder.decode(row.subarray(start, end))) as T;
}

export function encodeAppend(receivedMs: number, slices: Uint8Array): EncodedRecord {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setFloat64(0, receivedMs, true);
  return encodeRecord(APPEND, [time, slices]);
}

export function readReceivedMs(row: Uint8Array, start: number): number {
  return new DataView(row.buffer, row.byteOffset).getFloat64(start, true);
}

/** Where the slices begin in the payload of an APPEND record. */
export const APPEND_SLICES_AT = 8;

/** What all decisions of a record share: JSON at its beginning, behind its length. */
interface DecisionsHead {
  readonly configVersion: number;
  readonly decidedUs: number;
  readonly verdicts: readonly (readonly [policy: string, reason: DecisionReason])[];
}

const DECISION_BYTES = 36;
const KEEP = 1;
const RETENTION_SHIFT = 1;

/**
 * Decisions that were made together, by one configuration:
 *
 *     4 bytes length · JSON `DecisionsHead` · then each: 16 bytes trace id · float64 revision · float64 rate ·
 *     2 bytes index of the verdict · 1 byte flags (1 keep, 2 and 4 retention class) · 1 byte notes
 */
export function encodeDecisions(records: readonly DecideRecord[]): EncodedRecord {
  const { configVersion, decidedUs } = records[0]!.decision;
  const verdicts: [string, DecisionReason][] = [];
  const indexes = records.map(({ decision: { policy, reason } }) => {
    const known = verdicts.findIndex((verdict) => verdict[0] === policy && verdict[1] === reason);
    return known === -1 ? verdicts.push([policy, reason]) - 1 : known;
  });
  const shared = { configVersion, decidedUs, verdicts } satisfies DecisionsHead;
  const head = encoder.encode(JSON.stringify(shared));
  const payload = new Uint8Array(4 + head.length + records.length * DECISION_BYTES);
  const view = new DataView(payload.buffer);
  view.setUint32(0, head.length, true);
  payload.set(head, 4);
  let at = 4 + head.length;
  for (const [i, { id, decision, revision, notes }] of records.entries()) {
    for (let word = 0; word < 4; word++) view.setUint32(at + word * 4, id[word]!, true);
    view.setFloat64(at + 16, revision, true);
    view.setFloat64(at + 24, decision.rate, true);
    view.setUint16(at + 32, indexes[i]!, true);
    const retention = RETENTION_CLASSES.indexOf(decision.retention ?? 'hot');
    payload[at + 34] = (decision.keep ? KEEP : 0) | (retention << RETENTION_SHIFT);
    payload[at + 35] = notes;
    at += DECISION_BYTES;
  }
  return encodeRecord(DECIDE, [payload]);
}

/** Calls back with each decision of a DECIDE record's payload and where it is in the row. */
export function readDecisions(
  row: Uint8Array,
  start: number,
  end: number,
  visit: (at: number, record: DecideRecord) => void,
): void {
  const view = new DataView(row.buffer, row.byteOffset);
  const entries = start + 4 + view.getUint32(start, true);
  const head = readJson<DecisionsHead>(row, start + 4, entries);
  for (let at = entries; at < end; at += DECISION_BYTES) visit(at, readDecision(row, view, head, at));
}

/** The one decision at `at` of the DECIDE record whose payload begins at `start`. */
export function readDecisionAt(row: Uint8Array, start: number, at: number): DecideRecord {
  const view = new DataView(row.buffer, row.byteOffset);
  const head = readJson<DecisionsHead>(row, start + 4, start + 4 + view.getUint32(start, true));
  return readDecision(row, view, head, at);
}

function readDecision(row: Uint8Array, view: DataView, head: DecisionsHead, at: number): DecideRecord {
  const flags = row[at + 34]!;
  const keep = (flags & KEEP) !== 0;
  const [policy, reason] = head.verdicts[view.getUint16(at + 32, true)]!;
  const word = (i: number) => view.getUint32(at + i * 4, true);
  return {
    id: [word(0), word(1), word(2), word(3)],
    revision: view.getFloat64(at + 16, true),
    notes: row[at + 35]!,
    decision: {
      keep,
      rate: view.getFloat64(at + 24, true),
      reason,
      policy,
      configVersion: head.configVersion,
      decidedUs: head.decidedUs,
      ...(keep ? { retention: RETENTION_CLASSES[(flags >> RETENTION_SHIFT) & 3]! } : {}),
    },
  };
}

/** Brings a decided trace back into memory: its id, float64 time, and its places in the log as four words of 32 bits each. */
export function encodeRecall(id: TraceWords, nowMs: number, places: readonly Place[]): EncodedRecord {
  const time = new Uint32Array(Float64Array.of(nowMs).buffer);
  const words = places.flatMap(({ bucket, row, start, end }) => [bucket, row, start, end]);
  return encodeRecord(RECALL, [new Uint8Array(Uint32Array.from([...id, ...time, ...words]).buffer)]);
}

export function readRecall(
  row: Uint8Array,
  start: number,
  end: number,
): { id: TraceWords; nowMs: number; places: Place[] } {
  const view = new DataView(row.buffer, row.byteOffset);
  const word = (at: number) => view.getUint32(at, true);
  const places: Place[] = [];
  for (let at = start + 24; at < end; at += 16) {
    places.push({ bucket: word(at), row: word(at + 4), start: word(at + 8), end: word(at + 12) });
  }
  const id: TraceWords = [word(start), word(start + 4), word(start + 8), word(start + 12)];
  return { id, nowMs: view.getFloat64(start + 16, true), places };
}

/** The records of a row. Throws RangeError when the row is not one this version can read. */
export function readRow(row: Uint8Array): LogRecord[] {
  if (row[0] !== LOG_ROW_VERSION && row[0] !== 1) {
    throw new RangeError(`log row has version ${row[0]}, not ${LOG_ROW_VERSION} or 1`);
  }
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
