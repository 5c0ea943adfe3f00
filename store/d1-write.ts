/** A write to one database of the ring: R2, then D1, each finding out whether it was done before. */

import { crc32 } from 'node:zlib';
import { MAX_ROUNDS } from './bounds.ts';
import { type BlockRow, findBlock, objectKeyOf } from './d1-blocks.ts';
import { eraseFromBlock } from './d1-erase.ts';
import { addToTraces } from './d1-traces.ts';
import { StoreError } from './errors.ts';
import { contentOf, orUnavailable, putBlock, type StoredBlock } from './r2-blocks.ts';
import { readIndex } from './r2-sections.ts';
import type { Shelf } from './rewrite-block.ts';
import type { TracePart } from './store.ts';

/** `parts`: one a trace, as `groupParts` makes them. @throws StoreError, or what D1 threw */
export async function writeBlock(shelf: Shelf, blockKey: string, parts: readonly TracePart[]): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const known = await findBlock(shelf.db, blockKey);
    const block = known?.suffix
      ? await findMoved(shelf.bucket, known, parts)
      : await putBlock(shelf.bucket, blockKey, parts);
    // Of a block that traces were taken out of, what is gone stays gone.
    const present = parts.filter(({ traceId }) => block?.entries.has(traceId));
    if (block === null) continue;
    const { isMoved, erased } = await addToTraces(shelf.db, block, present);
    if (isMoved) continue;
    if (erased.size > 0) await eraseFromBlock(shelf, blockKey, new Set(erased.keys()), Math.max(...erased.values()));
    return;
  }
  throw new StoreError('contended', blockKey, 'its object kept changing');
}

/** A block that is in another object than it was written to; null when it moved on meanwhile. */
async function findMoved(bucket: R2Bucket, row: BlockRow, parts: readonly TracePart[]): Promise<StoredBlock | null> {
  const content = contentOf(
    parts.map(({ traceId, otlp }) => ({ traceId, rawLength: otlp.length, checksum: crc32(otlp) })),
  );
  if (row.content !== null && row.content !== content) {
    throw new StoreError('block_conflict', row.blockKey, 'the key already holds other traces');
  }
  // A writer that was overtaken may have put the first object again.
  await orUnavailable(row.blockKey, bucket.delete(row.blockKey));
  const block = { blockKey: row.blockKey, suffix: row.suffix, content, bytes: row.bytes, bloom: null };
  if (row.traceCount === 0) return { ...block, entries: new Map() };
  try {
    return { ...block, entries: await readIndex(bucket, objectKeyOf(row)) };
  } catch (error) {
    if (error instanceof StoreError && error.fault === 'block_missing') return null;
    throw error;
  }
}
