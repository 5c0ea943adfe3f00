/** Rows of blocks in D1: one for each block, from its first write to its end, whatever object holds it meanwhile. */

import { RETENTION_CLASSES, type RetentionClass } from '../model/span.ts';
import { DAY_MS, type RetentionDays, rankOf } from './retention.ts';

export interface BlockRow {
  readonly blockKey: string;
  /** Of the object that holds it now. */
  readonly suffix: string;
  readonly bytes: number;
  /** 0 when every trace was erased: there is no object then. */
  readonly traceCount: number;
  readonly minStartUs: number;
  readonly maxStartUs: number;
  readonly retention: RetentionClass;
  /** When the last of its traces was decided. */
  readonly decidedMs: number;
  /** Expiry does not look at it before. */
  readonly notBeforeMs: number;
  /** What was written under the key, to tell a repeated write; null in rows from before there was one. */
  readonly content: number | null;
}

interface BlockColumns {
  readonly block_key: string;
  readonly suffix: string;
  readonly bytes: number;
  readonly trace_count: number;
  readonly min_start_us: number;
  readonly max_start_us: number;
  readonly retention: number;
  readonly decided_ms: number;
  readonly not_before_ms: number;
  readonly content: number | null;
}

const COLUMNS =
  'block_key, suffix, bytes, trace_count, min_start_us, max_start_us, retention, decided_ms, not_before_ms, content';

export function objectKeyOf({ blockKey, suffix }: Pick<BlockRow, 'blockKey' | 'suffix'>): string {
  return blockKey + suffix;
}

/** @throws what D1 threw */
export async function findBlock(db: D1Database, blockKey: string): Promise<BlockRow | null> {
  const row = await db
    .prepare(`SELECT ${COLUMNS} FROM blocks WHERE block_key = ?1`)
    .bind(blockKey)
    .first<BlockColumns>();
  return row && decodeBlockRow(row);
}

/** At most `limit` blocks whose class is over, the longest decided first. @throws what D1 threw */
export async function findDueBlocks(
  db: D1Database,
  nowMs: number,
  days: RetentionDays,
  limit: number,
): Promise<BlockRow[]> {
  const isOver = RETENTION_CLASSES.map((_, rank) => `(retention = ${rank} AND decided_ms <= ?${rank + 3})`).join(
    ' OR ',
  );
  const { results } = await db
    .prepare(
      `SELECT ${COLUMNS} FROM blocks WHERE not_before_ms <= ?1 AND (${isOver}) ORDER BY decided_ms, block_key LIMIT ?2`,
    )
    .bind(nowMs, limit, ...RETENTION_CLASSES.map((each) => nowMs - days[each] * DAY_MS))
    .all<BlockColumns>();
  return results.map(decodeBlockRow);
}

/** Has expiry look at blocks not before a time, and as of a class. @throws what D1 threw */
export async function postponeBlock(
  db: D1Database,
  { blockKey, suffix }: BlockRow,
  retention: RetentionClass,
  notBeforeMs: number,
): Promise<void> {
  await db
    .prepare('UPDATE blocks SET retention = ?3, not_before_ms = ?4 WHERE block_key = ?1 AND suffix = ?2')
    .bind(blockKey, suffix, rankOf(retention), notBeforeMs)
    .all();
}

/** Notes an object as one that nobody may come to need. Of several notes the last counts. */
export function garbageStatement(db: D1Database, objectKey: string, nowMs: number): D1PreparedStatement {
  return db
    .prepare(
      'INSERT INTO garbage (object_key, since_ms) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET since_ms = excluded.since_ms',
    )
    .bind(objectKey, nowMs);
}

function decodeBlockRow(row: BlockColumns): BlockRow {
  return {
    blockKey: row.block_key,
    suffix: row.suffix,
    bytes: row.bytes,
    traceCount: row.trace_count,
    minStartUs: row.min_start_us,
    maxStartUs: row.max_start_us,
    retention: RETENTION_CLASSES[row.retention] ?? 'cold',
    decidedMs: row.decided_ms,
    notBeforeMs: row.not_before_ms,
    content: row.content,
  };
}
