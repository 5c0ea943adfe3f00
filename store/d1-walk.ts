/** Walking along the rows of traces, newest first. */

import type { SortKey } from './store.ts';
import { ROW_COLUMNS, type StoredRow } from './trace-row.ts';

/** The part of a range of time that is still ahead. */
export interface Walk {
  /** Inclusive bounds of the trace's start. */
  readonly startUs: number;
  readonly endUs: number;
  /** Only traces that sort after this key. */
  readonly after?: Pick<SortKey, 'startUs' | 'traceId'>;
  readonly limit: number;
}

/** A walk along the primary key, which has what comes behind no id as `g`. */
export const WALK = `SELECT ${ROW_COLUMNS} FROM traces WHERE start_us >= ?1 AND start_us <= ?2 AND (start_us, trace_id) < (?2, ?3)
ORDER BY start_us DESC, trace_id DESC LIMIT ?4`;

/** At most `limit` rows. @throws what D1 threw */
export async function walkRows(db: D1Database, { startUs, endUs, after, limit }: Walk): Promise<StoredRow[]> {
  // SQLite seeks by the key of the page before instead of skipping what came before.
  const isInside = after !== undefined && after.startUs <= endUs;
  const behind = isInside ? [after.startUs, after.traceId] : [endUs, 'g'];
  const { results } = await db
    .prepare(WALK)
    .bind(startUs, ...behind, limit)
    .all<StoredRow>();
  return results;
}
