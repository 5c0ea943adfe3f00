import type { Migration } from './migration.ts';

/**
 * Two rows written a kept trace (the row and its one index entry) and one a block; `docs/adr/0001-rows-of-a-kept-trace.md`
 * has the prices and why the table is clustered by time.
 */
export const traces: Migration = {
  id: 1,
  name: 'traces',
  statements: [
    `CREATE TABLE traces (
      start_us INTEGER NOT NULL,
      trace_id TEXT NOT NULL,
      duration_us INTEGER NOT NULL,
      status TEXT NOT NULL,
      revision INTEGER NOT NULL,
      search_text TEXT NOT NULL,
      summary TEXT NOT NULL,
      parts TEXT NOT NULL,
      PRIMARY KEY (start_us, trace_id)
    ) STRICT, WITHOUT ROWID`,
    'CREATE UNIQUE INDEX traces_by_id ON traces (trace_id)',
    `CREATE TABLE blocks (
      block_key TEXT PRIMARY KEY,
      bytes INTEGER NOT NULL,
      trace_count INTEGER NOT NULL,
      min_start_us INTEGER NOT NULL,
      max_start_us INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
};
