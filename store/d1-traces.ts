/** The summaries in D1: rows of kept traces, written with as few statements as their size allows. */

import { MAX_ROUNDS } from './bounds.ts';
import { findBlock } from './d1-blocks.ts';
import { StoreError } from './errors.ts';
import { mergePart } from './merge.ts';
import { blockKeyOf } from './object-key.ts';
import type { StoredBlock } from './r2-blocks.ts';
import { blockAge, rankOf } from './retention.ts';
import type { TracePart } from './store.ts';
import {
  decodeDigest,
  decodePlaces,
  encodeTraceRow,
  type PartPlace,
  ROW_COLUMNS,
  type StoredRow,
  type TraceColumns,
} from './trace-row.ts';

/** The rows of one statement as JSON; D1 takes 2 MB in one parameter. */
const MAX_STATEMENT_BYTES = 1_000_000;
/** Traces read back at once, some hundred bytes each as a rule: an invocation has a thousand calls of D1. */
const READ_BACK_TRACES = 250;

const INSERT_BLOCK = `INSERT INTO blocks
  (block_key, bytes, trace_count, min_start_us, max_start_us, retention, decided_ms, content, bloom)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING`;

/** Rows may point to the object only as long as it is the block's. */
const IS_CURRENT = '(SELECT suffix FROM blocks WHERE block_key = ?2) = ?3';

const NEXT = '(SELECT sequence.value + 1 FROM sequence)';

const INSERT_TRACES = `INSERT INTO traces
  (start_us, trace_id, duration_us, status, revision, search_text, summary, parts, seq)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, '', value ->> 5, value ->> 6, ${NEXT}
FROM json_each(?1) WHERE ${IS_CURRENT} AND NOT EXISTS (SELECT 1 FROM erased WHERE erased.trace_id = value ->> 1)
ON CONFLICT DO NOTHING
RETURNING trace_id`;

/** How the rows were that the next statement changes. */
const NOTE_CHANGES = `INSERT INTO changes (seq, trace_id, block_key, at_s, start_us, duration_us, status)
SELECT ${NEXT}, traces.trace_id, ?2, unixepoch(), traces.start_us, traces.duration_us, traces.status
FROM json_each(?1) AS new JOIN traces ON traces.trace_id = new.value ->> 1
WHERE traces.parts = new.value ->> 7 AND ${IS_CURRENT}`;

/** Only rows that still are as they were read: their parts name every change there ever was. */
const UPDATE_TRACES = `UPDATE traces SET
  start_us = new.value ->> 0, duration_us = new.value ->> 2, status = new.value ->> 3, revision = new.value ->> 4,
  search_text = '', summary = new.value ->> 5, parts = new.value ->> 6
FROM json_each(?1) AS new
WHERE traces.trace_id = new.value ->> 1 AND traces.parts = new.value ->> 7 AND ${IS_CURRENT}
RETURNING trace_id`;

/** After a statement that changed rows. */
const COUNT_ON = 'UPDATE sequence SET value = value + 1 WHERE changes() > 0';

/** After the one before: whoever has indexed the block by now has not seen what has just been written. */
const UNCOVER = 'UPDATE blocks SET is_covered = 0 WHERE changes() > 0 AND block_key = ?1 AND is_covered = 1';

/** After the one before: the rest of the block will be in two segments. */
const DOUBT_SEGMENTS = `UPDATE segments SET late_traces = late_traces + 1 FROM blocks
WHERE changes() > 0 AND block_key = ?1
AND segments.max_start_us >= blocks.min_start_us AND segments.min_start_us <= blocks.max_start_us`;

const SELECT_TRACES = `SELECT ${ROW_COLUMNS} FROM json_each(?1) AS wanted
JOIN traces ON traces.trace_id = wanted.value`;

const SELECT_ERASED = 'SELECT erased.* FROM json_each(?1) AS wanted JOIN erased ON erased.trace_id = wanted.value';

/** What became of a block's traces in the database. */
export interface AddedTraces {
  /** The block went to another object meanwhile; nothing more was added. */
  readonly isMoved: boolean;
  /** Traces that were erased, with the time: they have no row and must leave the block. */
  readonly erased: ReadonlyMap<string, number>;
}

/**
 * Adds to each trace its part in the block. New traces, the usual case, take one statement; those that are there already are
 * read, merged and written back where nobody else changed them meanwhile. Safe to repeat and to race.
 * @throws StoreError `contended`, `row_corrupt`, or what D1 threw
 */
export async function addToTraces(
  db: D1Database,
  block: StoredBlock,
  parts: readonly TracePart[],
): Promise<AddedTraces> {
  const stored = new Map<string, TraceColumns>();
  const erased = new Map<string, number>();
  const blockRow = insertBlock(db, block, parts);
  let pending = parts;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const [known, unknown] = [
      pending.filter((p) => stored.has(p.traceId)),
      pending.filter((p) => !stored.has(p.traceId)),
    ];
    const inserted = await writeRows(
      db,
      block,
      blockRow,
      [INSERT_TRACES],
      unknown.map((part) => rowOf(block, part, undefined)),
    );
    const updated = await writeRows(
      db,
      block,
      blockRow,
      [NOTE_CHANGES, UPDATE_TRACES],
      known.map((part) => rowOf(block, part, stored.get(part.traceId))),
    );
    pending = pending.filter(({ traceId }) => !inserted.has(traceId) && !updated.has(traceId));
    if (pending.length === 0) return { isMoved: false, erased };
    stored.clear();
    const ids = pending.map((part) => part.traceId);
    for (const row of await readRows(db, ids)) stored.set(row.trace_id, row);
    for (const row of await readErased(db, ids)) erased.set(row.trace_id, row.at_ms);
    pending = pending.filter(({ traceId }) => !erased.has(traceId) && !hasPart(stored.get(traceId), block.blockKey));
    if (pending.length === 0) return { isMoved: false, erased };
    const current = await findBlock(db, block.blockKey);
    if (current?.suffix !== block.suffix) return { isMoved: true, erased };
  }
  throw new StoreError('contended', pending[0]!.traceId, `lost ${MAX_ROUNDS} rounds against other writers`);
}

/** The rows of those traces that have one. @throws what D1 threw */
export async function readRows(db: D1Database, traceIds: readonly string[]): Promise<StoredRow[]> {
  return readByIds(db, SELECT_TRACES, traceIds);
}

/** Whether the row has a part in the block. */
export function hasPart(row: TraceColumns | undefined, blockKey: string): boolean {
  return row !== undefined && decodePlaces(row).some(({ objectKey }) => blockKeyOf(objectKey) === blockKey);
}

/** A row as the statements take it, its last element what the row's parts were before. */
function rowOf(block: StoredBlock, part: TracePart, stored: TraceColumns | undefined): string {
  const { offset, length } = block.entries.get(part.traceId)!;
  const place: PartPlace = { objectKey: block.blockKey + block.suffix, offset, length, revision: part.revision };
  const digest = mergePart(stored ? decodeDigest(stored) : null, part);
  const row = encodeTraceRow(digest, [...(stored ? decodePlaces(stored) : []), place]);
  const { start_us, trace_id, duration_us, status, revision, summary, parts } = row;
  return JSON.stringify([start_us, trace_id, duration_us, status, revision, summary, parts, stored?.parts ?? null]);
}

/** Nothing to do for a block that is in another object by now: its row is there. */
function insertBlock(db: D1Database, block: StoredBlock, parts: readonly TracePart[]): D1PreparedStatement | null {
  if (block.suffix !== '') return null;
  const starts = parts.map((part) => part.summary.startUs);
  const { retention, decidedMs } = blockAge(parts.map((part) => part.summary));
  return db
    .prepare(INSERT_BLOCK)
    .bind(
      block.blockKey,
      block.bytes,
      parts.length,
      Math.min(...starts),
      Math.max(...starts),
      rankOf(retention),
      decidedMs,
      block.content,
      block.bloom,
    );
}

/** Which traces the last statement changed. The block's row goes in one transaction with the first that point to it. */
async function writeRows(
  db: D1Database,
  block: StoredBlock,
  blockRow: D1PreparedStatement | null,
  statements: readonly string[],
  rows: readonly string[],
): Promise<Set<string>> {
  const written = new Set<string>();
  for (const chunk of chunksOf(rows)) {
    const json = `[${chunk.join()}]`;
    const changes = statements.map((sql) => db.prepare(sql).bind(json, block.blockKey, block.suffix));
    const after = [COUNT_ON, UNCOVER, DOUBT_SEGMENTS].map((sql) => db.prepare(sql));
    const [countOn, ...uncover] = after;
    const marks = [countOn!, ...uncover.map((statement) => statement.bind(block.blockKey))];
    const results = await db.batch<{ trace_id: string }>([...(blockRow ? [blockRow] : []), ...changes, ...marks]);
    for (const { trace_id } of results.at(-1 - marks.length)!.results) written.add(trace_id);
  }
  return written;
}

function readErased(db: D1Database, traceIds: readonly string[]): Promise<{ trace_id: string; at_ms: number }[]> {
  return readByIds(db, SELECT_ERASED, traceIds);
}

async function readByIds<Row>(db: D1Database, sql: string, traceIds: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (let i = 0; i < traceIds.length; i += READ_BACK_TRACES) {
    const ids = JSON.stringify(traceIds.slice(i, i + READ_BACK_TRACES));
    rows.push(...(await db.prepare(sql).bind(ids).all<Row>()).results);
  }
  return rows;
}

function chunksOf(rows: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    const rowBytes = Buffer.byteLength(row) + 1;
    if (bytes + rowBytes > MAX_STATEMENT_BYTES) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)!.push(row);
    bytes += rowBytes;
  }
  return chunks;
}
