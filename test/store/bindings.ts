import { env } from 'cloudflare:workers';
import type { D1R2Bindings } from '../../store/d1-r2.ts';

const { DB, BLOCKS, RING_1, RING_2 } = env as typeof env & Record<'RING_1' | 'RING_2', D1Database>;

/** The real D1 and R2 of the test's worker. */
export const bindings: D1R2Bindings = { databases: [DB], bucket: BLOCKS, periodDays: 183 };
export const [db] = bindings.databases;

/** A ring of three; with a short period a few milliseconds are enough to come round. */
export function ringBindings(periodDays: number): D1R2Bindings {
  return { databases: [DB, RING_1, RING_2], bucket: BLOCKS, periodDays };
}

/** Removes every table and every block. */
export async function clearBindings(): Promise<void> {
  await Promise.all([DB, RING_1, RING_2].map(clearDatabase));
  const blocks = await BLOCKS.list();
  if (blocks.objects.length > 0) await BLOCKS.delete(blocks.objects.map((block) => block.key));
}

/** Removes every row and every block, which is faster; the schema must be there. */
export async function emptyBindings({ databases, bucket }: D1R2Bindings): Promise<void> {
  const tables = 'traces blocks holds erased garbage statistics changes segments statistics_stamps roll_ups'.split(' ');
  await Promise.all(databases.map((each) => each.batch(tables.map((table) => each.prepare(`DELETE FROM ${table}`)))));
  const blocks = await bucket.list();
  if (blocks.objects.length > 0) await bucket.delete(blocks.objects.map((block) => block.key));
}

async function clearDatabase(database: D1Database): Promise<void> {
  const { results } = await database
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%'",
    )
    .all<{ name: string }>();
  if (results.length > 0) await database.batch(results.map(({ name }) => database.prepare(`DROP TABLE "${name}"`)));
}
