/** Statistics in D1: one row a shard-minute, one row written for each version of it. */

import type { StatisticsRow } from './store.ts';

/** Rows of one transaction; each has its data as a parameter of its own. */
const ROWS_PER_BATCH = 50;

const UPSERT = `INSERT INTO statistics (minute_ms, shard, version, data) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET version = excluded.version, data = excluded.data WHERE excluded.version > version`;

/** @throws what D1 threw */
export async function writeStatistics(db: D1Database, rows: readonly StatisticsRow[]): Promise<void> {
  for (let i = 0; i < rows.length; i += ROWS_PER_BATCH) {
    const chunk = rows.slice(i, i + ROWS_PER_BATCH);
    await db.batch(
      chunk.map(({ minuteMs, shard, version, data }) => db.prepare(UPSERT).bind(minuteMs, shard, version, data)),
    );
  }
}

/** @throws what D1 threw */
export async function readStatistics(db: D1Database, fromMs: number, toMs: number): Promise<StatisticsRow[]> {
  const { results } = await db
    .prepare('SELECT * FROM statistics WHERE minute_ms >= ?1 AND minute_ms < ?2 ORDER BY minute_ms, shard')
    .bind(fromMs, toMs)
    .all<{ minute_ms: number; shard: string; version: number; data: ArrayLike<number> }>();
  return results.map((row) => ({
    shard: row.shard,
    minuteMs: row.minute_ms,
    version: row.version,
    // D1 gives a blob as an array of numbers.
    data: Uint8Array.from(row.data),
  }));
}
