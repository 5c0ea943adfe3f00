/**
 * Takes over a log of version 1, which had no checkpoints: every row is applied once, each bucket gets the index it
 * lacks, and what follows is written in the current version. `docs/log-format.md` describes both.
 */

import { headsOf } from '../model/append-frame.ts';
import { readFrame, SLICE_GOODBYE } from '../model/slice-frame.ts';
import type { Decision } from '../model/span.ts';
import { IS_DECIDED, IS_MEASURED } from './columns/span-columns.ts';
import { FORGOTTEN, GOODBYE } from './columns/trace-columns.ts';
import { addCounters, type Counters, emptyCounters } from './counters.ts';
import { HeadCursor } from './head-cursor.ts';
import type { Journal } from './journal.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Place } from './log.ts';
import { encodeDecisions, encodeRecall, readJson, readRow } from './records.ts';
import { parseWords } from './trace-words.ts';

const DECIDE_V1 = 2;
const CARRY = 5;
const FORGET = 6;

interface DecideV1 {
  readonly traceId: string;
  readonly decision: Decision;
  readonly revision: number;
}

interface CarryV1 {
  readonly traceId: string;
  readonly firstMs: number;
  readonly forgotten: boolean;
  readonly decision: Decision | null;
  readonly revision: number;
  readonly begins: boolean;
  readonly decided: number;
}

/**
 * False when there is no such log. `close` is called after the last row of each bucket; the last one's successor is for the
 * caller to begin.
 */
export function importV1(sql: SqlStorage, journal: Journal, close: (nowMs: number) => void): boolean {
  const tables = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'buckets'").toArray();
  if (tables.length === 0) return false;
  const { log, live, decided } = journal;
  const base = readBase(sql);
  const buckets = sql
    .exec<{ id: number; opened_ms: number; closed_ms: number | null }>('SELECT * FROM buckets ORDER BY id')
    .toArray();
  let isCounted = true;
  for (const { id, opened_ms, closed_ms } of buckets) {
    log.adopt(id, opened_ms);
    decided.begin(id);
    // Decisions are written again while the rows are read.
    const rows: number[] = [];
    log.forEachRow(id, (_, rowId) => rows.push(rowId));
    for (const rowId of rows) {
      if (isCounted && rowId > base.row) {
        isCounted = false;
        startCounting(live, base.counters);
      }
      const row = log.row({ bucket: id, row: rowId, start: 0, end: 0 });
      for (const { type, start, end } of readRow(row)) applyV1(journal, type, row, start, end, id, rowId);
    }
    close(closed_ms ?? opened_ms);
  }
  if (isCounted) startCounting(live, base.counters);
  sql.exec('DROP TABLE buckets');
  sql.exec('DROP TABLE counters');
  return true;
}

/** Replaces what has been counted so far: the base has counted rows up to its own. */
function startCounting(live: LiveTraces, base: Counters): void {
  live.counters = addCounters(emptyCounters(), base);
  // In it too are copies that are still to be merged.
  live.counters.mergedSpans -= live.gauges().copies;
}

function applyV1(
  journal: Journal,
  type: number,
  row: Uint8Array,
  start: number,
  end: number,
  bucket: number,
  rowId: number,
): void {
  switch (type) {
    case DECIDE_V1:
      for (const record of readJson<DecideV1[]>(row, start, end)) applyDecision(journal, record);
      break;
    case CARRY:
      applyCarry(journal.live, row, start, end, bucket, rowId);
      break;
    case FORGET:
      // Settled traces have left memory already.
      break;
    default:
      journal.fold.applyRecord(type, row, start, end, bucket, rowId, null);
  }
}

/** Writes a decision again as this version does, so that its place can be remembered, and applies that. */
function applyDecision(journal: Journal, { traceId, decision, revision }: DecideV1): void {
  const { log, live } = journal;
  const trace = live.find(traceId);
  if (trace === -1) return;
  const id = parseWords(traceId);
  const records = [encodeDecisions([{ id, decision, revision, notes: 0 }])];
  if (decision.keep && live.state(trace) === 'dropped') {
    // Version 1 still had what it had dropped in memory.
    const keyOf = (place: Place) => `${place.bucket} ${place.row} ${place.start}`;
    const inMemory = new Set(live.places(trace).map(keyOf));
    const earlier = journal.findSlices(id).filter((place) => !inMemory.has(keyOf(place)));
    if (earlier.length > 0) records.unshift(encodeRecall(id, decision.decidedUs / 1000, earlier));
  }
  log.write(records, (row, bucket, rowId) => journal.fold.applyRow(row, bucket, rowId));
}

/** A trace's slices that were not settled came again with its state when their bucket was dropped. */
function applyCarry(
  live: LiveTraces,
  row: Uint8Array,
  start: number,
  end: number,
  bucket: number,
  rowId: number,
): void {
  const framesAt = start + 4 + new DataView(row.buffer, row.byteOffset).getUint32(start, true);
  const state = readJson<CarryV1>(row, start + 4, framesAt);
  const { traces } = live;
  let trace = live.find(state.traceId);
  if (state.begins || trace === -1) {
    if (trace !== -1) live.discard(trace);
    trace = traces.add(...parseWords(state.traceId), state.firstMs);
    traces.decision[trace] = state.decision;
    traces.revision[trace] = traces.sealedRevision[trace] = state.revision;
    if (state.forgotten) traces.bits[trace]! |= FORGOTTEN;
  } else if (!live.isDecided(trace)) live.undecidedCount--;
  const frame = row.subarray(framesAt, end);
  const heads = new HeadCursor(headsOf(frame), live.operations);
  for (const slice of readFrame(frame)) {
    if ((slice.flags & SLICE_GOODBYE) !== 0) traces.bits[trace]! |= GOODBYE;
    const isDecided = traces.sliceEnd[trace]! < state.decided;
    live.addSpans(trace, heads, isDecided ? IS_DECIDED | IS_MEASURED : 0);
    live.addSlice(trace, bucket, rowId, framesAt + slice.start, framesAt + slice.end);
    if (!isDecided) traces.undecidedBytes[trace]! += slice.end - slice.start;
  }
  traces.decidedEnd[trace] = Math.min(state.decided, traces.sliceEnd[trace]!);
  if (state.decision?.keep && traces.decidedEnd[trace]! > 0) live.outbox.add(trace);
  live.restored(trace);
}

function readBase(sql: SqlStorage): { counters: Counters; row: number } {
  sql.exec('CREATE TABLE IF NOT EXISTS counters (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT');
  const [stored] = sql.exec<{ json: string }>('SELECT json FROM counters WHERE id = 1').toArray();
  const base = stored ? JSON.parse(stored.json) : { counters: {}, row: 0 };
  return { counters: addCounters(emptyCounters(), base.counters), row: base.row };
}
