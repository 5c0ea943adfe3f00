import type { D1R2Bindings } from './d1-r2.ts';

/** Days one database of the ring takes all that is written. A ring must hold the longest retention and one period more. */
const DEFAULT_PERIOD_DAYS = 183;

/** The environment of a deployment: one database, and `DB_1`, `DB_2` and so on when that is not enough. */
export interface StoreEnv {
  readonly DB: D1Database;
  readonly BLOCKS: R2Bucket;
}

/** What the store lives on. Further databases count up to the first number that is not bound. */
export function storeBindings(env: StoreEnv, periodDays = DEFAULT_PERIOD_DAYS): D1R2Bindings {
  const more: D1Database[] = [];
  for (let next = databaseOf(env, 1); next !== undefined; next = databaseOf(env, more.length + 1)) more.push(next);
  return { databases: [env.DB, ...more], bucket: env.BLOCKS, periodDays };
}

function databaseOf(env: StoreEnv, number: number): D1Database | undefined {
  return (env as unknown as Readonly<Record<string, D1Database | undefined>>)[`DB_${number}`];
}
