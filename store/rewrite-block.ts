/**
 * Takes traces out of a block that is stored. The block gets a new object, the rows of the traces that stay are pointed to it,
 * and the old object goes:
 *
 * 1. the new object is noted as garbage, then put;
 * 2. in one transaction, if nothing changed meanwhile: the block's row names the new object, rows follow, the new object is
 *    garbage no more and the old one is;
 * 3. the old object is deleted, then its note.
 *
 * Wherever this stops, rows point to an object that is there, and what nobody points to is noted and swept later.
 */

import { crc32 } from 'node:zlib';
import type { RetentionClass } from '../model/span.ts';
import { assembleBlock, type BlockEntry, decodeBlockIndex, decodeBlockTerms } from './block.ts';
import { type BlockRow, garbageStatement, objectKeyOf } from './d1-blocks.ts';
import { nextSuffix } from './object-key.ts';
import { orCorrupt, orUnavailable, readObject } from './r2-blocks.ts';
import { rankOf } from './retention.ts';
import { filterTerms } from './term-index.ts';
import { placePrefix } from './trace-row.ts';

/** One database of the ring and the bucket. */
export interface Shelf {
  readonly db: D1Database;
  readonly bucket: R2Bucket;
}

/** A trace that leaves the block, and its row as it was read: the text and length of its parts. */
export interface LeavingTrace {
  readonly traceId: string;
  /** null when there was no row that names the block. */
  readonly partsLength: number | null;
}

export interface Rewrite {
  readonly nowMs: number;
  readonly keep: (traceId: string) => boolean;
  /** Traces whose rows go in the same transaction; the block stays as it is if one of them has changed. */
  readonly leaving: readonly LeavingTrace[];
  readonly retention: RetentionClass;
  readonly notBeforeMs: number;
}

/** Of the block's current object: is this trace's row, or lack of one, still what it was? Parameters 1 and 2. */
const UNCHANGED = `NOT EXISTS (SELECT 1 FROM json_each(?1) AS leaving JOIN traces ON traces.trace_id = leaving.value ->> 0
  WHERE instr(traces.parts, leaving.value ->> 1) > 0 AND length(traces.parts) IS NOT leaving.value ->> 2)
AND NOT EXISTS (SELECT 1 FROM json_each(?1) AS leaving JOIN holds ON holds.trace_id = leaving.value ->> 0
  WHERE leaving.value ->> 2 IS NOT NULL AND holds.until_ms > ?2)`;

const MOVE_BLOCK = `UPDATE blocks SET suffix = ?5, bytes = ?6, trace_count = ?7, retention = ?8, not_before_ms = ?9, bloom = ?10
WHERE block_key = ?3 AND suffix = ?4 AND ${UNCHANGED} RETURNING block_key`;

const REMOVE_BLOCK = `DELETE FROM blocks WHERE block_key = ?3 AND suffix = ?4 AND ${UNCHANGED} RETURNING block_key`;

/** Whether the statements before this one moved the block. A block that is gone has the suffix "gone". */
const IS_MOVED = "coalesce((SELECT suffix FROM blocks WHERE block_key = ?1), 'gone') = ?2";

const REMOVE_TRACES = `DELETE FROM traces WHERE ${IS_MOVED} AND trace_id IN (
  SELECT leaving.value ->> 0 FROM json_each(?3) AS leaving JOIN traces AS row ON row.trace_id = leaving.value ->> 0
  WHERE leaving.value ->> 2 IS NOT NULL AND instr(row.parts, leaving.value ->> 1) > 0)`;

const POINT_TRACES = `UPDATE traces SET parts = replace(traces.parts, staying.value ->> 1, staying.value ->> 2)
FROM json_each(?3) AS staying
WHERE traces.trace_id = staying.value ->> 0 AND ${IS_MOVED} AND instr(traces.parts, staying.value ->> 1) > 0`;

/** Segments that may have traces that left. */
const STALE = `UPDATE segments SET stale = stale + 1 WHERE ${IS_MOVED} AND max_start_us >= ?3 AND min_start_us <= ?4`;

const GARBAGE_OLD = `INSERT INTO garbage (object_key, since_ms) SELECT ?3, ?4 WHERE ${IS_MOVED} ON CONFLICT DO NOTHING`;
const KEEP_NEW = `DELETE FROM garbage WHERE object_key = ?3 AND ${IS_MOVED}`;

/**
 * A new object of the block without some of its traces. False when something changed meanwhile: read again, decide again.
 * @throws StoreError `block_missing`, `block_corrupt` or `unavailable`, or what D1 threw
 */
export async function rewriteBlock(shelf: Shelf, block: BlockRow, rewrite: Rewrite): Promise<boolean> {
  const oldKey = objectKeyOf(block);
  const bytes = await readObject(shelf.bucket, oldKey);
  const { entries } = orCorrupt(oldKey, () => decodeBlockIndex(bytes));
  const terms = orCorrupt(oldKey, () => decodeBlockTerms(bytes));
  const sorted = [...entries.values()];
  let kept = 0;
  const places = sorted.map(({ traceId }) => (rewrite.keep(traceId) ? kept++ : -1));
  const staying = sorted.filter((_, i) => places[i]! >= 0);
  const next = assembleBlock(
    staying.map((entry) => ({ ...entry, bytes: bytes.subarray(entry.offset, entry.offset + entry.length) })),
    terms && filterTerms(terms, places),
  );
  const suffix = nextSuffix(block.suffix, crc32(staying.map(({ traceId }) => traceId).join()));
  const newKey = block.blockKey + suffix;
  if (staying.length > 0) {
    await garbageStatement(shelf.db, newKey, rewrite.nowMs).all();
    await orUnavailable(newKey, shelf.bucket.put(newKey, next.bytes));
  }
  const move = shelf.db
    .prepare(MOVE_BLOCK)
    .bind(
      leavingJson(rewrite.leaving, entries, oldKey),
      rewrite.nowMs,
      block.blockKey,
      block.suffix,
      suffix,
      staying.length > 0 ? next.bytes.length : 0,
      staying.length,
      rankOf(rewrite.retention),
      rewrite.notBeforeMs,
      next.bloom,
    );
  const moves = next.entries.map(({ traceId, offset, length }) => [
    traceId,
    placePrefix(oldKey, entries.get(traceId)!),
    placePrefix(newKey, { offset, length }),
  ]);
  return commit(shelf, block, rewrite, entries, suffix, [
    move,
    shelf.db.prepare(POINT_TRACES).bind(block.blockKey, suffix, JSON.stringify(moves)),
    shelf.db.prepare(KEEP_NEW).bind(block.blockKey, suffix, newKey),
  ]);
}

/**
 * Removes a block whose traces all leave. `entries`: where they were in the object.
 * @throws StoreError `unavailable`, or what D1 threw
 */
export async function removeBlock(
  shelf: Shelf,
  block: BlockRow,
  rewrite: Pick<Rewrite, 'nowMs' | 'leaving'>,
  entries: ReadonlyMap<string, Pick<BlockEntry, 'offset' | 'length'>>,
): Promise<boolean> {
  const leaving = leavingJson(rewrite.leaving, entries, objectKeyOf(block));
  const remove = shelf.db.prepare(REMOVE_BLOCK).bind(leaving, rewrite.nowMs, block.blockKey, block.suffix);
  return commit(shelf, block, rewrite, entries, 'gone', [remove]);
}

/** Deletes an object and the note that it is garbage. */
export async function deleteGarbage({ db, bucket }: Shelf, objectKey: string): Promise<void> {
  await orUnavailable(objectKey, bucket.delete(objectKey));
  await db.prepare('DELETE FROM garbage WHERE object_key = ?1').bind(objectKey).all();
}

async function commit(
  shelf: Shelf,
  block: BlockRow,
  { leaving, nowMs }: Pick<Rewrite, 'nowMs' | 'leaving'>,
  entries: ReadonlyMap<string, Pick<BlockEntry, 'offset' | 'length'>>,
  suffix: string,
  [first, ...more]: readonly [D1PreparedStatement, ...D1PreparedStatement[]],
): Promise<boolean> {
  const { db } = shelf;
  const oldKey = objectKeyOf(block);
  const [moved] = await db.batch([
    first,
    db.prepare(REMOVE_TRACES).bind(block.blockKey, suffix, leavingJson(leaving, entries, oldKey)),
    ...more,
    db.prepare(STALE).bind(block.blockKey, suffix, block.minStartUs, block.maxStartUs),
    db.prepare(GARBAGE_OLD).bind(block.blockKey, suffix, oldKey, nowMs),
  ]);
  if (moved!.results.length === 0) return false;
  await deleteGarbage(shelf, oldKey);
  return true;
}

function leavingJson(
  leaving: readonly LeavingTrace[],
  entries: ReadonlyMap<string, Pick<BlockEntry, 'offset' | 'length'>>,
  objectKey: string,
): string {
  return JSON.stringify(
    leaving.map(({ traceId, partsLength }) => [traceId, placePrefix(objectKey, entries.get(traceId)!), partsLength]),
  );
}
