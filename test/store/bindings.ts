import { env } from 'cloudflare:workers';
import type { D1R2Bindings } from '../../store/d1-r2.ts';

const { DB, BLOCKS } = env;

/** The real D1 and R2 of the test's worker. */
export const bindings: D1R2Bindings = { databases: [DB], bucket: BLOCKS, periodDays: 183 };
export const [db] = bindings.databases;

/** Removes every table and every block. */
export async function clearBindings(): Promise<void> {
  const tables = await DB.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%'",
  ).all<{ name: string }>();
  if (tables.results.length > 0) await DB.batch(tables.results.map(({ name }) => DB.prepare(`DROP TABLE "${name}"`)));
  const blocks = await BLOCKS.list();
  await BLOCKS.delete(blocks.objects.map((block) => block.key));
}
