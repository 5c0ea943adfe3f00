/** Statistics in D1: one row a shard-minute, one row written for each version of it and one for its stamp. */

import type { StatisticsPage, StatisticsRow } from './store.ts';
import { fromBase64, fromHex, MAX_TEXT_BYTES, toBase64 } from './text-bytes.ts';

/** Rows of one transaction; each has its data as a parameter of its own. */
const ROWS_PER_BATCH = 50;
/** What is read as hex, which is below D1's 2 MB a value. */
const MAX_HEX_BYTES = 950_000;

const UPSERT = `INSERT INTO statistics (minute_ms, shard, version, data, services) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO UPDATE SET version = excluded.version, data = excluded.data, services = excluded.services
WHERE excluded.version > version`;

/** @throws what D1 threw */
export async function writeStatistics(db: D1Database, rows: readonly StatisticsRow[]): Promise<void> {
  for (let i = 0; i < rows.length; i += ROWS_PER_BATCH) {
    const chunk = rows.slice(i, i + ROWS_PER_BATCH);
    await db.batch(
      chunk.map(({ minuteMs, shard, version, data, services }) =>
        db
          .prepare(UPSERT)
          .bind(
            minuteMs,
            shard,
            version,
            data,
            services && services.length <= MAX_TEXT_BYTES ? toBase64(services) : null,
          ),
      ),
    );
  }
}

interface Row {
  readonly minute_ms: number;
  readonly shard: string;
  readonly version: number;
  /** The first of these that is there. */
  readonly services: string | null;
  readonly hex: string | null;
  readonly data: ArrayLike<number> | null;
}

/** @throws what D1 threw */
export async function readStatistics(
  db: D1Database,
  fromMs: number,
  toMs: number,
  { grain, limit, afterShard }: StatisticsPage,
): Promise<StatisticsRow[]> {
  const services = grain === 'service' ? 'services' : 'NULL';
  const { results } = await db
    .prepare(
      `SELECT minute_ms, shard, version, ${services} AS services,
        CASE WHEN ${services} IS NULL AND length(data) <= ?3 THEN hex(data) END AS hex,
        CASE WHEN ${services} IS NULL AND length(data) > ?3 THEN data END AS data
      FROM statistics WHERE (minute_ms, shard) > (?1, ?4) AND minute_ms < ?2 ORDER BY minute_ms, shard LIMIT ?5`,
    )
    // No shard is called nothing; a limit of -1 is none.
    .bind(fromMs, toMs, MAX_HEX_BYTES, afterShard ?? '', limit ?? -1)
    .all<Row>();
  return results.map((row) => ({
    shard: row.shard,
    minuteMs: row.minute_ms,
    version: row.version,
    data: bytesOf(row),
  }));
}

function bytesOf({ services, hex, data }: Row): Uint8Array<ArrayBuffer> {
  if (services !== null) return fromBase64(services);
  // D1 gives a blob as an array of numbers.
  return hex !== null ? fromHex(hex) : Uint8Array.from(data!);
}
