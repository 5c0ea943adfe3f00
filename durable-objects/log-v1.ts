/**
 * Takes over a log of version 1, which had no checkpoints: every row is applied once, each bucket gets the index it
 * lacks, and what follows is written in the current version. `docs/log-format.md` describes both.
 */

import { headsOf } from '../model/append-frame.ts';
import { readFrame } from '../model/slice-frame.ts';
import type { Decision } from '../model/span.ts';
import { IS_DECIDED, IS_MEASURED } from './columns/span-columns.ts';
import { FORGOTTEN } from './columns/trace-columns.ts';
import { addCounters, type Counters, emptyCounters } from './counters.ts';
import type { Fold } from './fold.ts';
import { HeadCursor } from './head-cursor.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Log } from './log.ts';
import { readJson, readRow } from './records.ts';
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
export function importV1(
  sql: SqlStorage,
  log: Log,
  live: LiveTraces,
  fold: Fold,
  close: (nowMs: number) => void,
): boolean {
  const tables = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'buckets'").toArray();
  if (tables.length === 0) return false;
  const base = readBase(sql);
  const buckets = sql
    .exec<{ id: number; opened_ms: number; closed_ms: number | null }>('SELECT * FROM buckets ORDER BY id')
    .toArray();
  live.counters = addCounters(emptyCounters(), base.counters);
  for (const { id, opened_ms, closed_ms } of buckets) {
    log.adopt(id, opened_ms);
    log.forEachRow(id, (row, rowId) => {
      // The base has counted rows up to its own.
      const counted = rowId <= base.row ? live.counters : null;
      if (counted) live.counters = emptyCounters();
      for (const { type, start, end } of readRow(row)) applyV1(live, fold, type, row, start, end, id, rowId);
      if (counted) live.counters = counted;
    });
    close(closed_ms ?? opened_ms);
  }
  sql.exec('DROP TABLE buckets');
  sql.exec('DROP TABLE counters');
  return true;
}

function applyV1(
  live: LiveTraces,
  fold: Fold,
  type: number,
  row: Uint8Array,
  start: number,
  end: number,
  bucket: number,
  rowId: number,
): void {
  switch (type) {
    case DECIDE_V1:
      for (const { traceId, decision, revision } of readJson<DecideV1[]>(row, start, end)) {
        if (live.find(traceId) !== -1) fold.applyDecide({ id: parseWords(traceId), decision, revision, notes: 0 });
      }
      break;
    case CARRY:
      applyCarry(live, row, start, end, bucket, rowId);
      break;
    case FORGET:
      // Settled traces have left memory already.
      break;
    default:
      fold.applyRecord(type, row, start, end, bucket, rowId, null);
  }
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
