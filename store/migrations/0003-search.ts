import type { Migration } from './migration.ts';

/**
 * What searches go by: segments, which blocks none of them covers yet, and when what changed, so that a search can go on over what
 * there was when it began. `docs/adr/0080-segments-of-the-index.md` has the prices.
 */
export const search: Migration = {
  id: 3,
  name: 'search',
  statements: [
    // Every transaction that changes rows of traces has a number.
    'CREATE TABLE sequence (id INTEGER PRIMARY KEY, value INTEGER NOT NULL) STRICT',
    'INSERT INTO sequence (id, value) VALUES (1, 0)',
    // The one that inserted the row.
    'ALTER TABLE traces ADD COLUMN seq INTEGER NOT NULL DEFAULT 0',
    // How a row was before a part was added to it.
    `CREATE TABLE changes (
      seq INTEGER NOT NULL,
      trace_id TEXT NOT NULL,
      block_key TEXT NOT NULL,
      at_s INTEGER NOT NULL,
      start_us INTEGER NOT NULL,
      duration_us INTEGER NOT NULL,
      status TEXT NOT NULL,
      PRIMARY KEY (seq, trace_id)
    ) STRICT, WITHOUT ROWID`,
    'ALTER TABLE blocks ADD COLUMN is_covered INTEGER NOT NULL DEFAULT 0',
    'CREATE INDEX blocks_uncovered ON blocks (max_start_us) WHERE is_covered = 0',
    `CREATE TABLE segments (
      segment_key TEXT PRIMARY KEY,
      level INTEGER NOT NULL,
      trace_count INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      min_start_us INTEGER NOT NULL,
      max_start_us INTEGER NOT NULL,
      late_traces INTEGER NOT NULL,
      stale INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID`,
  ],
};
