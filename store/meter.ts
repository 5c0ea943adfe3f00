/** Counts what is billed of the store's calls, around the bindings that they go to. */

import type { CountCost } from '../model/costs.ts';
import type { D1R2Bindings } from './d1-r2.ts';

/**
 * The bindings as the store uses them, counted. A call of D1 is counted by what it answers, so that one that fails is not;
 * one of R2 when it is made.
 */
export function meterBindings({ databases, bucket, periodDays }: D1R2Bindings, count: CountCost): D1R2Bindings {
  const [first, ...more] = databases.map((db) => meterDatabase(db, count));
  return { databases: [first!, ...more], bucket: meterBucket(bucket, count), periodDays };
}

function meterDatabase(db: D1Database, count: CountCost): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const counted = <T>(result: D1Result<T>): D1Result<T> => {
    count('d1_rows_read', result.meta.rows_read);
    count('d1_rows_written', result.meta.rows_written);
    return result;
  };
  const meterStatement = (statement: D1PreparedStatement) => {
    const all = async () => counted(await statement.all());
    const metered = {
      bind: (...values: unknown[]) => meterStatement(statement.bind(...values)),
      all,
      // D1's own answers no counts.
      first: async () => (await all()).results[0] ?? null,
    } as unknown as D1PreparedStatement;
    originals.set(metered, statement);
    return metered;
  };
  const metered = {
    prepare: (sql: string) => meterStatement(db.prepare(sql)),
    batch: async (statements: D1PreparedStatement[]) => {
      const results = await db.batch(statements.map((statement) => originals.get(statement)!));
      return results.map(counted);
    },
  };
  return metered as unknown as D1Database;
}

function meterBucket(bucket: R2Bucket, count: CountCost): R2Bucket {
  const metered = {
    put: (...args: Parameters<R2Bucket['put']>) => {
      count('r2_class_a');
      return bucket.put(...args);
    },
    get: (key: string, options: R2GetOptions = {}) => {
      count('r2_class_b');
      return bucket.get(key, options);
    },
    head: (key: string) => {
      count('r2_class_b');
      return bucket.head(key);
    },
    delete: (key: string) => {
      count('r2_free');
      return bucket.delete(key);
    },
  };
  return metered as unknown as R2Bucket;
}
