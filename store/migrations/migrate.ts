import { traces } from './0001-traces.ts';
import { retention } from './0002-retention.ts';
import { search } from './0003-search.ts';
import { rollUps } from './0004-roll-ups.ts';
import { lateParts } from './0005-late-parts.ts';
import type { Migration } from './migration.ts';

/** Every step there ever was, by id. */
export const MIGRATIONS: readonly Migration[] = [traces, retention, search, rollUps, lateParts];

/**
 * Brings the database to the newest schema. Safe to repeat and to race: each step is one transaction that first claims
 * its id, so of two isolates one fails before it changes anything and finds the step done.
 * @throws what D1 threw when a step failed for another reason
 */
export async function migrate(db: D1Database, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  const applied = await appliedIds(db);
  for (const { id, name, statements } of migrations) {
    if (applied.has(id)) continue;
    const claim = db.prepare('INSERT INTO migrations (id, name) VALUES (?1, ?2)').bind(id, name);
    try {
      await db.batch([claim, ...statements.map((sql) => db.prepare(sql))]);
    } catch (error) {
      if (!(await appliedIds(db)).has(id)) throw error;
    }
  }
}

async function appliedIds(db: D1Database): Promise<Set<number>> {
  const [, rows] = await db.batch<{ id: number }>([
    db.prepare('CREATE TABLE IF NOT EXISTS migrations (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT'),
    db.prepare('SELECT id FROM migrations'),
  ]);
  return new Set(rows!.results.map((row) => row.id));
}
