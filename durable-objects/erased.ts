/** Traces that were erased by hand: a shard neither answers nor keeps anything of them, whatever still comes. */

import { TOMBSTONE_DAYS } from '../store/bounds.ts';
import type { ErasedTrace } from './protocol.ts';
import { formatWords, type TraceWords } from './trace-words.ts';

const DAY_MS = 86_400_000;

export class Erased {
  private readonly sql: SqlStorage;
  private readonly ids: Set<string>;

  constructor(sql: SqlStorage, nowMs: number) {
    this.sql = sql;
    sql.exec('CREATE TABLE IF NOT EXISTS erased (id TEXT PRIMARY KEY, at_ms REAL NOT NULL) STRICT');
    // As long as the store refuses them too.
    sql.exec('DELETE FROM erased WHERE at_ms < ?', nowMs - TOMBSTONE_DAYS * DAY_MS);
    this.ids = new Set(
      sql
        .exec<{ id: string }>('SELECT id FROM erased')
        .toArray()
        .map(({ id }) => id),
    );
  }

  /** `traceId`: 32 lower-case hex digits. */
  add(traceId: string, nowMs: number): void {
    this.sql.exec('INSERT OR IGNORE INTO erased (id, at_ms) VALUES (?, ?)', traceId, nowMs);
    this.ids.add(traceId);
  }

  list(): ErasedTrace[] {
    return this.sql
      .exec<{ id: string; at_ms: number }>('SELECT id, at_ms FROM erased')
      .toArray()
      .map(({ id, at_ms }) => ({ traceId: id, atMs: at_ms }));
  }

  has(traceId: string): boolean {
    return this.ids.has(traceId);
  }

  hasWords(words: TraceWords): boolean {
    return this.ids.size > 0 && this.ids.has(formatWords(words));
  }
}
