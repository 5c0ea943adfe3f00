import type { TraceSummary } from '../model/span.ts';
import { searchTerm } from './search-text.ts';
import type { TraceQuery } from './store.ts';
import { decodeSummary, type SummaryColumns, type TraceColumns } from './trace-row.ts';

/** Newest first. @throws StoreError `row_corrupt`, or what D1 threw */
export async function searchTraces(db: D1Database, query: TraceQuery): Promise<TraceSummary[]> {
  const { sql, bindings } = formatSearch(query);
  const { results } = await db
    .prepare(sql)
    .bind(...bindings)
    .all<SummaryColumns>();
  return results.map(decodeSummary);
}

/** The same, with all columns. @throws what D1 threw */
export async function searchRows(db: D1Database, query: TraceQuery): Promise<TraceColumns[]> {
  const { sql, bindings } = formatSearch(query, '*');
  const { results } = await db
    .prepare(sql)
    .bind(...bindings)
    .all<TraceColumns>();
  return results;
}

/** The statement of a search: a walk along the primary key, newest first, that stops at the limit. */
export function formatSearch(
  query: TraceQuery,
  columns = 'start_us, trace_id, duration_us, status, summary',
): { sql: string; bindings: (string | number)[] } {
  const bindings: (string | number)[] = [];
  const bind = (value: string | number) => `?${bindings.push(value)}`;
  // The key of the page before also bounds the range: SQLite seeks by it instead of skipping what came before.
  const endUs = Math.min(query.endUs, query.after?.startUs ?? query.endUs);
  const conditions = [`start_us >= ${bind(query.startUs)}`, `start_us <= ${bind(endUs)}`];
  if (query.after)
    conditions.push(`(start_us, trace_id) < (${bind(query.after.startUs)}, ${bind(query.after.traceId)})`);
  if (query.minDurationUs !== undefined) conditions.push(`duration_us >= ${bind(query.minDurationUs)}`);
  if (query.maxDurationUs !== undefined) conditions.push(`duration_us <= ${bind(query.maxDurationUs)}`);
  if (query.status !== undefined) conditions.push(`status = ${bind(query.status)}`);
  const term = searchTerm(query.service, query.operation);
  if (term !== null) conditions.push(`instr(search_text, ${bind(term)}) > 0`);
  const sql = `SELECT ${columns} FROM traces WHERE ${conditions.join(' AND ')}
ORDER BY start_us DESC, trace_id DESC LIMIT ${bind(query.limit)}`;
  return { sql, bindings };
}
