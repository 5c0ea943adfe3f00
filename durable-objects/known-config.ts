/** What a shard last heard from Control, so that it begins again with it. */

import type { ConfigDocument } from './protocol.ts';

/** null where nothing was ever put. */
export function readKnownConfig(sql: SqlStorage): ConfigDocument | null {
  sql.exec('CREATE TABLE IF NOT EXISTS known_config (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT');
  const [row] = sql.exec<{ json: string }>('SELECT json FROM known_config WHERE id = 1').toArray();
  return row ? (JSON.parse(row.json) as ConfigDocument) : null;
}

export function writeKnownConfig(sql: SqlStorage, document: ConfigDocument): void {
  sql.exec(
    'INSERT INTO known_config (id, json) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json',
    JSON.stringify(document),
  );
}
