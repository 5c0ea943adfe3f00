/** The table of shards as an object knows it, through restarts. */

import type { RoutingTable } from '../model/routing.ts';

export class KnownTable {
  private readonly sql: SqlStorage;
  /** null as long as nobody has told. */
  table: RoutingTable | null;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    sql.exec('CREATE TABLE IF NOT EXISTS routing (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT');
    const [row] = sql.exec<{ json: string }>('SELECT json FROM routing WHERE id = 1').toArray();
    this.table = row ? (JSON.parse(row.json) as RoutingTable) : null;
  }

  set(table: RoutingTable): void {
    this.sql.exec(
      'INSERT INTO routing (id, json) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json',
      JSON.stringify(table),
    );
    this.table = table;
  }
}
