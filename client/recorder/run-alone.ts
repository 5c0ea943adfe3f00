/** Lets one tab of the origin do something at a time: by a Web Lock, or a lease in IndexedDB where there are none. */

import { wallMs } from '../api/clock.ts';
import type { OfflineDatabase } from './offline.ts';

const LOCK = 'tailrace-offline';
/** Longer than one batch may be on its way, retries included; a tab that dies lets go of it after that. */
const LEASE_MS = 3 * 60_000;
const HOLDER = 0;

/**
 * Runs `work` unless another tab does now. `work` asks from time to time whether it may go on.
 * @throws what `work` and the database throw.
 */
export async function runAlone(
  database: OfflineDatabase,
  work: (goOn: () => Promise<boolean>) => Promise<void>,
): Promise<void> {
  if (navigator.locks) {
    await navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => (lock ? work(async () => true) : undefined));
    return;
  }
  let heldMs: number | null = null;
  /** One transaction: nobody comes between reading and writing. */
  const take = async () => {
    const transaction = database.transaction('lease', 'readwrite');
    const untilMs = (await transaction.store.get(HOLDER)) ?? 0;
    const leftMs = untilMs - wallMs();
    // A clock that was set back makes nobody wait for hours.
    const isFree = heldMs === null ? leftMs <= 0 || leftMs > LEASE_MS : untilMs === heldMs;
    if (isFree) {
      heldMs = wallMs() + LEASE_MS;
      await transaction.store.put(heldMs, HOLDER);
    }
    await transaction.done;
    return isFree;
  };
  if (!(await take())) return;
  try {
    await work(take);
  } finally {
    if (await take()) await database.delete('lease', HOLDER);
  }
}
