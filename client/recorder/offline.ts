/**
 * Batches that could not be sent wait in IndexedDB, for all tabs of the origin: until the edge answers again, or for the next visit.
 */

import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { within } from '../../model/within.ts';
import type { Losses } from './counters.ts';
import { DATABASE } from './database.ts';
import type { Sent } from './outcome.ts';
import type { PendingRecord } from './pending.ts';
import { runAlone } from './run-alone.ts';
import { type RecordsIn, storeRecords } from './store-records.ts';

const VERSION = 2;
const BATCHES = 'batches';
/** What they may take together; see `trim`. */
export const MAX_OFFLINE_BYTES = 4 * 1024 * 1024;
/** WebKit's IndexedDB has been known not to answer at all (https://bugs.webkit.org/show_bug.cgi?id=226547). */
const PATIENCE_MS = 3_000;
/** Holds nothing. */
const WARM = 1;

export interface SavedBatch {
  readonly url: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spanCount: number;
  /** 1 when there are roots or errors in it, otherwise 0. */
  readonly rank: 0 | 1;
}

interface Schema extends DBSchema {
  /** `size`: bytes of the batch. The index tells all that has to be known of a batch, without reading it. */
  batches: { key: number; value: SavedBatch & { size: number }; indexes: { entries: [0 | 1, number, number] } };
  /** Until when who is sending them all has that to himself, where there are no Web Locks. */
  lease: { key: number; value: number };
}
export type OfflineDatabase = IDBPDatabase<Schema>;

/** What became of the spans that were stored. */
export interface SentSaved {
  readonly accepted: number;
  readonly rejected: number;
  /** They were beyond the cap. */
  readonly givenUp: number;
  /** Nothing is left, as far as we know. */
  readonly isDone: boolean;
}

/** Opened early: while the page goes away there is time for a write, not for opening a database. */
export class OfflineStore {
  readonly #database: OfflineDatabase;

  private constructor(database: OfflineDatabase) {
    this.#database = database;
  }

  /** null where the page may not store anything. */
  static open(): Promise<OfflineStore | null> {
    return within(PATIENCE_MS, OfflineStore.#open()).catch(() => null);
  }

  /** Also what is thrown at once, as in a sandboxed frame, is a rejection. */
  static async #open(): Promise<OfflineStore> {
    const database = await openDB<Schema>(DATABASE, VERSION, {
      upgrade(database, oldVersion) {
        // The first version was in no release.
        if (oldVersion > 0) database.deleteObjectStore(BATCHES);
        const batches = database.createObjectStore(BATCHES, { autoIncrement: true });
        batches.createIndex('entries', ['rank', 'size', 'spanCount']);
        database.createObjectStore('lease');
      },
      // Another tab has a newer version of the SDK that wants to change it, or deletes it.
      blocking: (_, __, event) => (event.target as IDBDatabase).close(),
    });
    // Only who has written lately may write quickly: Chromium asks for the quota first, which a page that goes away does not live to see.
    await database.put('lease', 0, WARM);
    return new OfflineStore(database);
  }

  /** Writes at once, without waiting. Resolves to false when the batch could not be stored. */
  async save(batch: SavedBatch): Promise<boolean> {
    try {
      const transaction = this.#database.transaction(BATCHES, 'readwrite');
      const added = transaction.store.add({ ...batch, size: batch.bytes.length });
      // Without this the transaction would need a task of the page to end, and there may be none.
      transaction.commit();
      await within(PATIENCE_MS, Promise.all([added, transaction.done]));
      return true;
    } catch {
      return false;
    }
  }

  /** Saves records that are still in the ring; false when some could not be. */
  saveRecords(from: RecordsIn, records: readonly PendingRecord[], losses: Losses): Promise<boolean> {
    return storeRecords(this, from, records, losses);
  }

  /**
   * Sends what waits for `url`, with roots and errors first, until the edge cannot be reached. One tab at a time does it: in all others
   * this does nothing.
   */
  async sendAll(
    url: string,
    send: (bytes: Uint8Array<ArrayBuffer>, spanCount: number) => Promise<Sent>,
  ): Promise<SentSaved> {
    const result = { accepted: 0, rejected: 0, givenUp: 0, isDone: false };
    try {
      await runAlone(this.#database, async (goOn) => {
        result.givenUp = await this.trim();
        for (const { key } of (await this.#entries()).sort((a, b) => b.rank - a.rank || a.key - b.key)) {
          const batch = await within(PATIENCE_MS, this.#database.get(BATCHES, key));
          if (batch?.url !== url) continue;
          const { outcome, refused } = await send(batch.bytes, batch.spanCount);
          if (outcome === 'unavailable') return;
          result[outcome] += batch.spanCount - refused;
          result.rejected += refused;
          await this.#database.delete(BATCHES, key);
          if (!(await goOn())) return;
        }
        result.isDone = true;
      });
    } catch {
      // The database went away: what is in it stays for the next visit.
    }
    return result;
  }

  /** Gives up what is beyond the cap: the oldest first, those with roots and errors last. Returns how many spans that were. */
  async trim(): Promise<number> {
    const entries = (await this.#entries()).sort((a, b) => a.rank - b.rank || a.key - b.key);
    let bytes = entries.reduce((sum, { size }) => sum + size, 0);
    let givenUp = 0;
    for (const { key, size, spanCount } of entries) {
      if (bytes <= MAX_OFFLINE_BYTES) break;
      await this.#database.delete(BATCHES, key);
      bytes -= size;
      givenUp += spanCount;
    }
    return givenUp;
  }

  async #entries(): Promise<{ key: number; rank: number; size: number; spanCount: number }[]> {
    const entries = [];
    let cursor = await within(PATIENCE_MS, this.#database.transaction(BATCHES).store.index('entries').openKeyCursor());
    for (; cursor; cursor = await cursor.continue()) {
      const [rank, size, spanCount] = cursor.key;
      entries.push({ key: cursor.primaryKey, rank, size, spanCount });
    }
    return entries;
  }

  close(): void {
    this.#database.close();
  }
}
