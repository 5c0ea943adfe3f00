import type { Migration } from './migration.ts';

/**
 * Blocks get a class and an age, by which they expire, and a bloom filter of their terms; `suffix` names the object that holds
 * the block now. `docs/adr/0015-blocks-expire-whole.md` has the prices. No row of a trace changes.
 */
export const retention: Migration = {
  id: 2,
  name: 'retention',
  statements: [
    'ALTER TABLE blocks ADD COLUMN retention INTEGER NOT NULL DEFAULT 0',
    'ALTER TABLE blocks ADD COLUMN decided_ms INTEGER NOT NULL DEFAULT 0',
    'ALTER TABLE blocks ADD COLUMN not_before_ms INTEGER NOT NULL DEFAULT 0',
    "ALTER TABLE blocks ADD COLUMN suffix TEXT NOT NULL DEFAULT ''",
    'ALTER TABLE blocks ADD COLUMN content INTEGER',
    'ALTER TABLE blocks ADD COLUMN bloom BLOB',
    // The decisions are in the rows of the traces; a start is close enough to them.
    'UPDATE blocks SET decided_ms = max_start_us / 1000',
    'CREATE INDEX blocks_by_age ON blocks (retention, decided_ms)',
    `CREATE TABLE holds (
      trace_id TEXT PRIMARY KEY,
      until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE erased (
      trace_id TEXT PRIMARY KEY,
      at_ms INTEGER NOT NULL,
      parts TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE garbage (
      object_key TEXT PRIMARY KEY,
      since_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE statistics (
      minute_ms INTEGER NOT NULL,
      shard TEXT NOT NULL,
      version INTEGER NOT NULL,
      data BLOB NOT NULL,
      PRIMARY KEY (minute_ms, shard)
    ) STRICT, WITHOUT ROWID`,
  ],
};
