/** Roll-ups in D1: sums of longer periods of statistics, valid as long as the stamps of their minutes are what they were. */

import type { Grain } from '../model/statistics-sum.ts';
import type { Period, ReadRollUp, RollUp } from './store.ts';
import { fromBase64, MAX_TEXT_BYTES, toBase64 } from './text-bytes.ts';

/** The stamp of the period that begins at `start` and is `?1` long; NULL where nothing is in it. */
const stampOf = (start: string) =>
  `(SELECT sum(stamp) FROM statistics_stamps WHERE start_ms >= ${start} AND start_ms < ${start} + ?1)`;

/** Periods in the range, which begin at multiples of `lengthMs`, whose roll-up is none of what is there now; the latest first. */
export async function findStaleRollUps(
  db: D1Database,
  lengthMs: number,
  fromMs: number,
  toMs: number,
  limit: number,
): Promise<Period[]> {
  // D1 binds every number as a REAL.
  const { results } = await db
    .prepare(
      `WITH periods AS (
        SELECT start_ms / CAST(?1 AS INTEGER) * CAST(?1 AS INTEGER) AS start_ms, sum(stamp) AS stamp FROM statistics_stamps
        WHERE start_ms >= ?2 AND start_ms < ?3 GROUP BY 1
      )
      SELECT periods.* FROM periods LEFT JOIN roll_ups ON length_ms = ?1 AND roll_ups.start_ms = periods.start_ms
      WHERE roll_ups.stamp IS NOT periods.stamp ORDER BY periods.start_ms DESC LIMIT ?4`,
    )
    .bind(lengthMs, fromMs, toMs, limit)
    .all<{ start_ms: number; stamp: number }>();
  return results.map(({ start_ms, stamp }) => ({ lengthMs, startMs: start_ms, stamp }));
}

/** Does nothing where a row has changed since the stamp was read. @throws what D1 threw */
export async function writeRollUp(db: D1Database, rollUp: RollUp): Promise<void> {
  const { lengthMs, startMs, stamp, services, operations } = rollUp;
  await db
    .prepare(
      `INSERT INTO roll_ups (length_ms, start_ms, stamp, services, operations)
      SELECT ?1, ?2, ?3, ?4, ?5 WHERE ${stampOf('?2')} = ?3
      ON CONFLICT DO UPDATE SET stamp = excluded.stamp, services = excluded.services, operations = excluded.operations`,
    )
    .bind(lengthMs, startMs, stamp, toBase64(services), operations && fits(operations) ? toBase64(operations) : null)
    .all();
}

/** Whether a roll-up of that many bytes can be stored. */
export function fits(bytes: Uint8Array): boolean {
  return bytes.length <= MAX_TEXT_BYTES;
}

/** Those of the range that are of what is there now, the earliest first. @throws what D1 threw */
export async function readRollUps(
  db: D1Database,
  lengthMs: number,
  fromMs: number,
  toMs: number,
  grain: Grain,
): Promise<ReadRollUp[]> {
  const column = grain === 'service' ? 'services' : 'operations';
  const { results } = await db
    .prepare(
      `SELECT start_ms, ${column} AS data FROM roll_ups
      WHERE length_ms = ?1 AND start_ms >= ?2 AND start_ms + ?1 <= ?3 AND ${column} IS NOT NULL
        AND stamp = ${stampOf('roll_ups.start_ms')}
      ORDER BY start_ms`,
    )
    .bind(lengthMs, fromMs, toMs)
    .all<{ start_ms: number; data: string }>();
  return results.map(({ start_ms, data }) => ({ startMs: start_ms, data: fromBase64(data) }));
}

/** Beginnings of the ten minutes of the range that have rows. @throws what D1 threw */
export async function stampedIn(db: D1Database, fromMs: number, toMs: number): Promise<number[]> {
  const { results } = await db
    .prepare('SELECT start_ms FROM statistics_stamps WHERE start_ms >= ?1 AND start_ms < ?2')
    .bind(fromMs, toMs)
    .all<{ start_ms: number }>();
  return results.map(({ start_ms }) => start_ms);
}
