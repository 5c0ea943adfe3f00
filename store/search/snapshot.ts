/** What was stored at one time: a number of each database's sequence, and when that was. */

import type { TraceFacts } from '../../model/query/matches-search.ts';
import { SNAPSHOT_MS } from '../bounds.ts';
import { StoreError } from '../errors.ts';
import type { SortKey } from '../store.ts';

export interface Snapshot {
  readonly atS: number;
  /** By database. */
  readonly seqs: readonly number[];
}

/** How a trace was before it was first changed after a snapshot. */
export interface Change {
  readonly key: SortKey;
  readonly facts: TraceFacts;
}

export interface PresentColumns {
  readonly value: number;
  readonly now_s: number;
}

export interface ChangeColumns {
  readonly trace_id: string;
  readonly start_us: number;
  readonly duration_us: number;
  readonly status: 'ok' | 'error';
}

export function formatSnapshot({ atS, seqs }: Snapshot): string {
  return [atS, ...seqs].join('.');
}

/** @throws StoreError `snapshot_expired` for one of another set of databases */
export function parseSnapshot(text: string, databases: number): Snapshot {
  const [atS, ...seqs] = text.split('.').map(Number);
  if (seqs.length !== databases || ![atS, ...seqs].every(Number.isSafeInteger)) {
    throw new StoreError('snapshot_expired', text, 'it is of another set of databases');
  }
  return { atS: atS!, seqs };
}

/** @throws StoreError `snapshot_expired` */
export function checkAge(snapshot: Snapshot, present: Snapshot): void {
  if (present.atS - snapshot.atS <= SNAPSHOT_MS / 1000) return;
  throw new StoreError('snapshot_expired', formatSnapshot(snapshot), `it is ${present.atS - snapshot.atS} s old`);
}

/** The present of a database. */
export function selectPresent(db: D1Database): D1PreparedStatement {
  return db.prepare('SELECT value, unixepoch() AS now_s FROM sequence');
}

/** What changed since in one database. */
export function selectChanges(db: D1Database, seq: number): D1PreparedStatement {
  return db
    .prepare('SELECT trace_id, start_us, duration_us, status FROM changes WHERE seq > ?1 ORDER BY seq')
    .bind(seq);
}

/** By trace id. */
export function decodeChanges(rows: readonly ChangeColumns[]): Map<string, Change> {
  const changes = new Map<string, Change>();
  for (const { trace_id, start_us, duration_us, status } of rows) {
    if (changes.has(trace_id)) continue;
    const key = { startUs: start_us, durationUs: duration_us, traceId: trace_id };
    changes.set(trace_id, { key, facts: { ...key, status } });
  }
  return changes;
}
