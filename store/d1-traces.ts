/** The summaries in D1: rows of kept traces, written with as few statements as their size allows. */

import type { TraceSummary } from '../model/span.ts';
import { StoreError } from './errors.ts';
import { mergePart } from './merge.ts';
import type { StoredBlock } from './r2-blocks.ts';
import { blockAge, rankOf } from './retention.ts';
import type { TracePart } from './store.ts';
import {
  decodeDigest,
  decodePlaces,
  decodeSummary,
  encodeTraceRow,
  type PartPlace,
  type TraceColumns,
} from './trace-row.ts';

/** The rows of one statement as JSON; D1 takes 2 MB in one parameter. */
const MAX_STATEMENT_BYTES = 1_000_000;
/** Traces read back at once: their rows are a few hundred KB at the very most each, and few hundred bytes as a rule. */
const READ_BACK_TRACES = 50;
/** Rounds against writers that change the same traces at the same time; each round lost is one that another writer won. */
const MAX_ROUNDS = 8;

const INSERT_BLOCK = `INSERT INTO blocks
  (block_key, bytes, trace_count, min_start_us, max_start_us, retention, decided_ms, bloom)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING`;

const INSERT_TRACES = `INSERT INTO traces
  (start_us, trace_id, duration_us, status, revision, search_text, summary, parts)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
FROM json_each(?1) WHERE true
ON CONFLICT DO NOTHING
RETURNING trace_id`;

/** Only rows that still are as they were read: their parts name every change there ever was. */
const UPDATE_TRACES = `UPDATE traces SET
  start_us = new.value ->> 0, duration_us = new.value ->> 2, status = new.value ->> 3, revision = new.value ->> 4,
  search_text = new.value ->> 5, summary = new.value ->> 6, parts = new.value ->> 7
FROM json_each(?1) AS new
WHERE traces.trace_id = new.value ->> 1 AND traces.parts = new.value ->> 8
RETURNING trace_id`;

const SELECT_TRACES = `SELECT traces.* FROM json_each(?1) AS wanted JOIN traces ON traces.trace_id = wanted.value`;

/**
 * Adds to each trace its part in the block. New traces, the usual case, take one statement; those that are there already are
 * read, merged and written back where nobody else changed them meanwhile. Safe to repeat and to race.
 * @throws StoreError `contended`, `row_corrupt`, or what D1 threw
 */
export async function addToTraces(db: D1Database, block: StoredBlock, parts: readonly TracePart[]): Promise<void> {
  const starts = parts.map((part) => part.summary.startUs);
  const { retention, decidedMs } = blockAge(parts.map((part) => part.summary));
  const blockRow = db
    .prepare(INSERT_BLOCK)
    .bind(
      block.blockKey,
      block.bytes,
      parts.length,
      Math.min(...starts),
      Math.max(...starts),
      rankOf(retention),
      decidedMs,
      block.bloom,
    );
  const stored = new Map<string, TraceColumns>();
  let pending = parts;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const [known, unknown] = [
      pending.filter((p) => stored.has(p.traceId)),
      pending.filter((p) => !stored.has(p.traceId)),
    ];
    const inserted = await writeRows(
      db,
      blockRow,
      INSERT_TRACES,
      unknown.map((part) => rowOf(block, part, undefined)),
    );
    const updated = await writeRows(
      db,
      blockRow,
      UPDATE_TRACES,
      known.map((part) => rowOf(block, part, stored.get(part.traceId))),
    );
    pending = pending.filter(({ traceId }) => !inserted.has(traceId) && !updated.has(traceId));
    if (pending.length === 0) return;
    stored.clear();
    for (const row of await readRows(db, pending)) stored.set(row.trace_id, row);
    pending = pending.filter(({ traceId }) => !hasPart(stored.get(traceId), block.blockKey));
    if (pending.length === 0) return;
  }
  throw new StoreError('contended', pending[0]!.traceId, `lost ${MAX_ROUNDS} rounds against other writers`);
}

/** A trace's summary and where its parts are, or null. @throws StoreError `row_corrupt`, or what D1 threw */
export async function findTrace(
  db: D1Database,
  traceId: string,
): Promise<{ summary: TraceSummary; places: PartPlace[] } | null> {
  const row = await db.prepare('SELECT * FROM traces WHERE trace_id = ?1').bind(traceId).first<TraceColumns>();
  return row && { summary: decodeSummary(row), places: decodePlaces(row) };
}

/** A row as the statements take it, its last element what the row's parts were before. */
function rowOf(block: StoredBlock, part: TracePart, stored: TraceColumns | undefined): string {
  const { offset, length } = block.entries.get(part.traceId)!;
  const place: PartPlace = { blockKey: block.blockKey, offset, length, revision: part.revision };
  const digest = mergePart(stored ? decodeDigest(stored) : null, part);
  const row = encodeTraceRow(digest, [...(stored ? decodePlaces(stored) : []), place]);
  const { start_us, trace_id, duration_us, status, revision, search_text, summary, parts } = row;
  return JSON.stringify([
    start_us,
    trace_id,
    duration_us,
    status,
    revision,
    search_text,
    summary,
    parts,
    stored?.parts ?? null,
  ]);
}

/** Which traces the statement changed. The block's row goes in one transaction with the first that point to it. */
async function writeRows(
  db: D1Database,
  blockRow: D1PreparedStatement,
  sql: string,
  rows: readonly string[],
): Promise<Set<string>> {
  const written = new Set<string>();
  for (const chunk of chunksOf(rows)) {
    const [, changed] = await db.batch<{ trace_id: string }>([blockRow, db.prepare(sql).bind(`[${chunk.join()}]`)]);
    for (const { trace_id } of changed!.results) written.add(trace_id);
  }
  return written;
}

async function readRows(db: D1Database, parts: readonly TracePart[]): Promise<TraceColumns[]> {
  const rows: TraceColumns[] = [];
  for (let i = 0; i < parts.length; i += READ_BACK_TRACES) {
    const ids = parts.slice(i, i + READ_BACK_TRACES).map((part) => part.traceId);
    const { results } = await db.prepare(SELECT_TRACES).bind(JSON.stringify(ids)).all<TraceColumns>();
    rows.push(...results);
  }
  return rows;
}

function hasPart(row: TraceColumns | undefined, blockKey: string): boolean {
  return row !== undefined && decodePlaces(row).some((place) => place.blockKey === blockKey);
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
