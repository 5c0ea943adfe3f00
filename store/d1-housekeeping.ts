/** What each step of expiry does besides: what a crash left undone, and rows whose time is over. */

import { GARBAGE_MS, MAX_HOUSEKEEPING_ROWS, MAX_REMOVED_CHANGES, SNAPSHOT_MS, TOMBSTONE_DAYS } from './bounds.ts';
import { findBlock, objectKeyOf } from './d1-blocks.ts';
import { findUnscrubbed, scrubTrace } from './d1-erase.ts';
import { findSegment } from './d1-segments.ts';
import { StoreError } from './errors.ts';
import { blockKeyOf } from './object-key.ts';
import { DAY_MS } from './retention.ts';
import { deleteGarbage, type Shelf } from './rewrite-block.ts';

/** Erasures to complete in one step: each may rewrite several blocks. */
const MAX_SCRUBS = 20;

/** Until then it is known from the changes which traces of a block have other parts. */
const IS_COVERED = 'NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.block_key = changes.block_key AND is_covered = 0)';

/** @throws StoreError, or what D1 threw */
export async function keepHouse(shelf: Shelf, nowMs: number, statisticsDays: number): Promise<void> {
  const { db } = shelf;
  for (const traceId of await findUnscrubbed(db, MAX_SCRUBS)) {
    await scrubTrace(shelf, traceId, nowMs).catch((error) => {
      // A damaged block cannot be rewritten; its traces go when it expires.
      if (!(error instanceof StoreError) || error.fault !== 'block_corrupt') throw error;
    });
  }
  await sweepGarbage(shelf, nowMs);
  const remove = (table: string, key: string, isOver: string, limitMs: number, maxRows = MAX_HOUSEKEEPING_ROWS) =>
    db
      .prepare(`DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${isOver} LIMIT ?2)`)
      .bind(limitMs, maxRows);
  await db.batch([
    remove('holds', 'trace_id', 'until_ms <= ?1', nowMs),
    remove('erased', 'trace_id', "at_ms <= ?1 AND parts = '[]'", nowMs - TOMBSTONE_DAYS * DAY_MS),
    remove('changes', 'seq, trace_id', `at_s * 1000 <= ?1 AND ${IS_COVERED}`, nowMs - SNAPSHOT_MS, MAX_REMOVED_CHANGES),
    // In this order: a roll-up that begins before the limit would have rows in it that go.
    remove('roll_ups', 'length_ms, start_ms', 'start_ms <= ?1', nowMs - statisticsDays * DAY_MS),
    remove('statistics', 'minute_ms, shard', 'minute_ms <= ?1', nowMs - statisticsDays * DAY_MS),
    remove('statistics_stamps', 'start_ms', 'start_ms <= ?1 - 600000', nowMs - statisticsDays * DAY_MS),
  ]);
}

async function sweepGarbage(shelf: Shelf, nowMs: number): Promise<void> {
  const { results } = await shelf.db
    .prepare('SELECT object_key FROM garbage WHERE since_ms <= ?1 LIMIT ?2')
    .bind(nowMs - GARBAGE_MS, MAX_HOUSEKEEPING_ROWS)
    .all<{ object_key: string }>();
  for (const { object_key } of results) {
    const block = await findBlock(shelf.db, blockKeyOf(object_key));
    // Two that rewrote a block in the same way: what the slower one noted is the object of the faster one.
    const isInUse =
      (block !== null && objectKeyOf(block) === object_key) || (await findSegment(shelf.db, object_key)) !== null;
    if (isInUse) await shelf.db.prepare('DELETE FROM garbage WHERE object_key = ?1').bind(object_key).all();
    else await deleteGarbage(shelf, object_key);
  }
}
