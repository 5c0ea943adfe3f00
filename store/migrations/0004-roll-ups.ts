import type { Migration } from './migration.ts';

/**
 * Rows of statistics are stored by service too, which takes no further row. Sums of longer periods are in `roll_ups`; the
 * stamp of ten minutes grows with every change of a row in them, whoever makes it, so that a roll-up is known to be one of
 * what is there. `docs/adr/0090-statistics-are-rolled-up.md` has the prices.
 */
export const rollUps: Migration = {
  id: 4,
  name: 'roll-ups',
  statements: [
    'ALTER TABLE statistics ADD COLUMN services TEXT',
    `CREATE TABLE statistics_stamps (
      start_ms INTEGER PRIMARY KEY,
      stamp INTEGER NOT NULL
    ) STRICT`,
    `CREATE TABLE roll_ups (
      length_ms INTEGER NOT NULL,
      start_ms INTEGER NOT NULL,
      stamp INTEGER NOT NULL,
      services TEXT NOT NULL,
      operations TEXT,
      PRIMARY KEY (length_ms, start_ms)
    ) STRICT, WITHOUT ROWID`,
    'INSERT INTO statistics_stamps SELECT minute_ms / 600000 * 600000, count(*) FROM statistics GROUP BY 1',
    `CREATE TRIGGER statistics_inserted AFTER INSERT ON statistics BEGIN
      INSERT INTO statistics_stamps VALUES (new.minute_ms / 600000 * 600000, 1)
      ON CONFLICT DO UPDATE SET stamp = stamp + 1;
    END`,
    `CREATE TRIGGER statistics_updated AFTER UPDATE ON statistics BEGIN
      UPDATE statistics_stamps SET stamp = stamp + 1 WHERE start_ms = new.minute_ms / 600000 * 600000;
    END`,
  ],
};
