/** Holds in D1: a row each, apart from the traces, so that one can be held before it is stored and no trace pays for it. */

import { blockKeyOf } from './object-key.ts';
import { decodePlaces } from './trace-row.ts';

/** @throws what D1 threw */
export async function holdTrace(db: D1Database, traceId: string, untilMs: number): Promise<void> {
  await db
    .prepare(
      `INSERT INTO holds (trace_id, until_ms) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET until_ms = excluded.until_ms`,
    )
    .bind(traceId, untilMs)
    .all();
  await lookAgain(db, traceId);
}

/** @throws what D1 threw */
export async function letGoTrace(db: D1Database, traceId: string): Promise<void> {
  await db.prepare('DELETE FROM holds WHERE trace_id = ?1').bind(traceId).all();
  await lookAgain(db, traceId);
}

/** Has expiry look at the trace's blocks, which it may have put off as long as the trace was held. */
async function lookAgain(db: D1Database, traceId: string): Promise<void> {
  const row = await db
    .prepare('SELECT trace_id, parts FROM traces WHERE trace_id = ?1')
    .bind(traceId)
    .first<{ trace_id: string; parts: string }>();
  if (row === null) return;
  const blockKeys = decodePlaces(row).map(({ objectKey }) => blockKeyOf(objectKey));
  await db
    .prepare(
      'UPDATE blocks SET not_before_ms = 0 WHERE block_key IN (SELECT value FROM json_each(?1)) AND not_before_ms > 0',
    )
    .bind(JSON.stringify(blockKeys))
    .all();
}
