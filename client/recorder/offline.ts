/**
 * Batches that could not be sent wait in IndexedDB, for all tabs of the origin: until the edge answers again, or for the next visit.
 */

import type { Losses } from './counters.ts';
import { answerOf, commit, DATABASE, storeIn } from './database.ts';
import type { Sent } from './outcome.ts';
import type { PendingRecord } from './pending.ts';
import { LEASE, runAlone } from './run-alone.ts';
import { type RecordsIn, storeRecords } from './store-records.ts';

const VERSION = 2;
const BATCHES = 'batches';
const ENTRIES = 'entries';
/** What they may take together; see `trim`. */
export const MAX_OFFLINE_BYTES = 4 * 1024 * 1024;
/** Holds nothing. */
const WARM = 1;

export interface SavedBatch {
  readonly url: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spanCount: number;
  /** 1 when there are roots or errors in it, otherwise 0. */
  readonly rank: 0 | 1;
}

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
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
  }

  /** null where the page may not store anything. */
  static open(): Promise<OfflineStore | null> {
    return OfflineStore.#open().catch(() => null);
  }

  /** Also what is thrown at once, as in a sandboxed frame, is a rejection. */
  static async #open(): Promise<OfflineStore> {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      const { result } = request;
      // The first version was in no release.
      if (oldVersion > 0) result.deleteObjectStore(BATCHES);
      // `size`: bytes of the batch. The index tells all that has to be known of a batch, without reading it.
      result.createObjectStore(BATCHES, { autoIncrement: true }).createIndex(ENTRIES, ['rank', 'size', 'spanCount']);
      result.createObjectStore(LEASE);
    };
    const database = await answerOf(request);
    // Another tab has a newer version of the SDK that wants to change it, or deletes it.
    database.onversionchange = () => database.close();
    // Only who has written lately may write quickly: Chromium asks for the quota first, which a page that goes away does not live to see.
    await answerOf(storeIn(database, LEASE).put(0, WARM));
    return new OfflineStore(database);
  }

  /** Writes at once, without waiting. Resolves to false when the batch could not be stored. */
  async save(batch: SavedBatch): Promise<boolean> {
    try {
      const store = this.#batches();
      store.add({ ...batch, size: batch.bytes.length });
      await commit(store);
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
          const batch: SavedBatch | undefined = await answerOf(this.#batches().get(key));
          if (batch?.url !== url) continue;
          const { outcome, refused } = await send(batch.bytes, batch.spanCount);
          if (outcome === 'unavailable') return;
          result[outcome] += batch.spanCount - refused;
          result.rejected += refused;
          await answerOf(this.#batches().delete(key));
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
      await answerOf(this.#batches().delete(key));
      bytes -= size;
      givenUp += spanCount;
    }
    return givenUp;
  }

  async #entries(): Promise<{ key: number; rank: number; size: number; spanCount: number }[]> {
    const entries = [];
    const request = this.#batches().index(ENTRIES).openKeyCursor();
    for (let cursor = await answerOf(request); cursor; cursor = await answerOf(request)) {
      const [rank, size, spanCount] = cursor.key as [number, number, number];
      entries.push({ key: cursor.primaryKey as number, rank, size, spanCount });
      cursor.continue();
    }
    return entries;
  }

  #batches(): IDBObjectStore {
    return storeIn(this.#database, BATCHES);
  }

  close(): void {
    this.#database.close();
  }
}
