/** Batches that could not be sent wait in IndexedDB for the next visit. */

import { type IDBPDatabase, openDB } from 'idb';
import { type Fetch, sendOnce } from './exporter.ts';

const DATABASE = 'tailrace';
const BATCHES = 'batches';
/** The oldest are given up beyond this. */
const MAX_BATCHES = 100;

interface SavedBatch {
  readonly url: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spanCount: number;
}

/** Opened early: while the page goes away there is time for a write, not for opening a database. */
export class OfflineStore {
  readonly #database: IDBPDatabase;
  /** Batches of this visit. */
  #saved = 0;

  private constructor(database: IDBPDatabase) {
    this.#database = database;
  }

  /** null where the page may not store anything. */
  static async open(): Promise<OfflineStore | null> {
    try {
      const upgrade = (database: IDBPDatabase) => void database.createObjectStore(BATCHES, { autoIncrement: true });
      return new OfflineStore(await openDB(DATABASE, 1, { upgrade }));
    } catch {
      return null;
    }
  }

  /** Writes at once, without waiting. Resolves to false when the batch could not be stored, or this visit stored enough. */
  async save(batch: SavedBatch): Promise<boolean> {
    if (this.#saved++ >= MAX_BATCHES) return false;
    try {
      const transaction = this.#database.transaction(BATCHES, 'readwrite');
      const added = transaction.store.add(batch);
      // Without this the transaction would need a task of the page to end, and there may be none.
      transaction.commit();
      await Promise.all([added, transaction.done]);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Sends what earlier visits left for `url`, oldest first, until the edge cannot be reached; batches beyond the cap
   * are given up. Returns how many spans were accepted, refused and given up.
   */
  async sendAll(fetch: Fetch, url: string): Promise<{ accepted: number; rejected: number; givenUp: number }> {
    const result = { accepted: 0, rejected: 0, givenUp: 0 };
    try {
      const keys = await this.#database.getAllKeys(BATCHES);
      for (const [i, key] of keys.entries()) {
        const batch: SavedBatch | undefined = await this.#database.get(BATCHES, key);
        if (!batch) continue;
        if (i < keys.length - MAX_BATCHES) result.givenUp += batch.spanCount;
        else if (batch.url !== url) continue;
        else {
          const { outcome } = await sendOnce(fetch, url, batch.bytes);
          if (outcome === 'unavailable') break;
          result[outcome] += batch.spanCount;
        }
        await this.#database.delete(BATCHES, key);
      }
    } catch {
      // The database went away: what is in it stays for the next visit.
    }
    return result;
  }

  /** Deletes everything, whatever edge it was for. */
  async clear(): Promise<void> {
    await this.#database.clear(BATCHES);
  }

  close(): void {
    this.#database.close();
  }
}

/**
 * Deletes what earlier visits and this one have kept: at once, so that nothing of it is sent any more, and again when
 * nothing can be added to it.
 */
export async function clearOffline(closed: Promise<unknown>): Promise<void> {
  const store = await OfflineStore.open();
  try {
    await store?.clear();
    await closed;
    await store?.clear();
  } catch {
    // The database went away.
  }
  store?.close();
}
