/**
 * Erasure in one database of the ring. The first transaction takes the row away and leaves a tombstone that has the places of
 * the trace's bytes; then each block is rewritten without them. Until the tombstone is empty, every repetition, and every step
 * of expiry, goes on where it was left.
 */

import { MAX_ROUNDS } from './bounds.ts';
import { findBlock, objectKeyOf } from './d1-blocks.ts';
import { StoreError } from './errors.ts';
import { blockKeyOf } from './object-key.ts';
import { readIndex } from './r2-sections.ts';
import { rewriteBlock, type Shelf } from './rewrite-block.ts';
import { decodePlaces } from './trace-row.ts';

const NO_PARTS = '[]';

const BURY = `INSERT INTO erased (trace_id, at_ms, parts)
VALUES (?1, ?2, coalesce((SELECT parts FROM traces WHERE trace_id = ?1), '${NO_PARTS}'))
ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms,
  parts = CASE WHEN excluded.parts = '${NO_PARTS}' THEN erased.parts ELSE excluded.parts END`;

/** Segments that may have the trace: at an earlier time it may have started later. */
const STALE_OF_TRACE = `UPDATE segments SET stale = stale + 1 FROM traces
WHERE traces.trace_id = ?1 AND max_start_us >= start_us AND min_start_us <= start_us + traces.duration_us`;

/** Has nobody find the trace any more, and nobody write it. @throws what D1 threw */
export async function buryTrace(db: D1Database, traceId: string, nowMs: number): Promise<void> {
  await db.batch([
    db.prepare(BURY).bind(traceId, nowMs),
    db.prepare(STALE_OF_TRACE).bind(traceId),
    db.prepare('DELETE FROM traces WHERE trace_id = ?1').bind(traceId),
    db.prepare('DELETE FROM holds WHERE trace_id = ?1').bind(traceId),
  ]);
}

/** Takes the bytes of a buried trace out of its blocks. @throws StoreError, or what D1 threw */
export async function scrubTrace(shelf: Shelf, traceId: string, nowMs: number): Promise<void> {
  const select = shelf.db.prepare('SELECT trace_id, parts FROM erased WHERE trace_id = ?1').bind(traceId);
  const buried = await select.first<{ trace_id: string; parts: string }>();
  if (buried === null || buried.parts === NO_PARTS) return;
  const blockKeys = new Set(decodePlaces(buried).map(({ objectKey }) => blockKeyOf(objectKey)));
  for (const blockKey of blockKeys) await eraseFromBlock(shelf, blockKey, new Set([traceId]), nowMs);
  await shelf.db
    .prepare(`UPDATE erased SET parts = '${NO_PARTS}' WHERE trace_id = ?1 AND parts = ?2`)
    .bind(traceId, buried.parts)
    .all();
}

/** Erased traces whose bytes may still be there, a few. @throws what D1 threw */
export async function findUnscrubbed(db: D1Database, limit: number): Promise<string[]> {
  const { results } = await db
    .prepare(`SELECT trace_id FROM erased WHERE parts <> '${NO_PARTS}' LIMIT ?1`)
    .bind(limit)
    .all<{ trace_id: string }>();
  return results.map((row) => row.trace_id);
}

/** Rewrites a block without traces that have no row any more. @throws StoreError, or what D1 threw */
export async function eraseFromBlock(
  shelf: Shelf,
  blockKey: string,
  traceIds: ReadonlySet<string>,
  nowMs: number,
): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const block = await findBlock(shelf.db, blockKey);
    if (block === null || block.traceCount === 0) return;
    try {
      const index = await readIndex(shelf.bucket, objectKeyOf(block));
      if (![...traceIds].some((traceId) => index.has(traceId))) return;
      const { retention, notBeforeMs } = block;
      const keep = (traceId: string) => !traceIds.has(traceId);
      if (await rewriteBlock(shelf, block, { nowMs, keep, leaving: [], retention, notBeforeMs })) return;
    } catch (error) {
      if (!(error instanceof StoreError) || error.fault !== 'block_missing') throw error;
      const current = await findBlock(shelf.db, blockKey);
      // What is not there needs no erasing; what moved meanwhile is looked at again.
      if (current?.suffix === block.suffix) return;
    }
  }
  throw new StoreError('contended', blockKey, 'its object kept changing');
}
