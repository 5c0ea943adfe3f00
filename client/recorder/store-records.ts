/** Stores records that could not be sent as batches of their own. */

import type { BatchConfig } from './batch-head.ts';
import { encodeBatch } from './batcher.ts';
import type { Losses } from './counters.ts';
import type { OfflineStore } from './offline.ts';
import { byStart, type PendingRecord } from './pending.ts';

/** Where the records are. */
export interface RecordsIn {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  /** What was read is still ours, and so whole. */
  readonly isWhole: () => boolean;
}

/**
 * Roots and errors come into a batch of their own, because such batches are given up last; it tells the losses, or the other does.
 * False when something could not be stored.
 */
export async function storeRecords(
  offline: Pick<OfflineStore, 'save'>,
  { buffer, config, isWhole }: RecordsIn,
  records: readonly PendingRecord[],
  losses: Losses,
): Promise<boolean> {
  const none: Losses = losses.map(() => 0);
  const batches = ([1, 0] as const)
    .map((rank) => ({ rank, part: records.filter(({ isImportant }) => Number(isImportant) === rank).sort(byStart) }))
    .filter(({ part }) => part.length > 0)
    .map(({ rank, part }, i) => {
      const { bytes } = encodeBatch({ buffer, config, records: part, losses: i === 0 ? losses : none });
      return { url: config.url, bytes, spanCount: part.length, rank };
    });
  if (!isWhole()) return false;
  return (await Promise.all(batches.map((batch) => offline.save(batch)))).every(Boolean);
}
