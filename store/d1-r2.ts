import { concatBytes } from '../model/slice-frame.ts';
import { searchTraces } from './d1-search.ts';
import { addToTraces, findTrace } from './d1-traces.ts';
import { StoreError } from './errors.ts';
import { groupParts } from './group-parts.ts';
import { migrate } from './migrations/migrate.ts';
import { putBlock, readPart } from './r2-blocks.ts';
import type { Store } from './store.ts';

/** The bindings the store lives on. */
export interface D1R2Bindings {
  readonly db: D1Database;
  readonly bucket: R2Bucket;
}

/**
 * The store of a deployment: bytes in R2 blocks, summaries in D1. The schema is brought up to date at first use.
 *
 * A write is two steps, R2 then D1, and each finds out whether it was done before: the block is there under its key, a
 * row names the block among its parts. So whatever failed, and whether or not the failed call took effect, the same
 * write again completes it. D1 and R2 failures become StoreErrors; this code never retries them itself.
 */
export function createD1R2Store({ db, bucket }: D1R2Bindings): Store {
  let migrated: Promise<void> | undefined;

  /** Runs a step on the migrated database; what D1 throws becomes a StoreError about `key`. */
  async function onDatabase<T>(key: string, step: () => Promise<T>): Promise<T> {
    try {
      migrated ??= migrate(db);
      await migrated.catch((error) => {
        migrated = undefined;
        throw error;
      });
      return await step();
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      throw new StoreError('unavailable', key, String(cause), { cause });
    }
  }

  return {
    async write(blockKey, parts) {
      if (parts.length === 0) return;
      const grouped = groupParts(parts);
      const block = await putBlock(bucket, blockKey, grouped);
      await onDatabase(blockKey, () => addToTraces(db, block, grouped));
    },

    async get(traceId) {
      const found = await onDatabase(traceId, () => findTrace(db, traceId));
      if (found === null) return null;
      const parts = await Promise.all(found.places.map((place) => readPart(bucket, traceId, place)));
      return { summary: found.summary, otlp: concatBytes(parts) };
    },

    search: (query) => onDatabase('', () => searchTraces(db, query)),
  };
}
