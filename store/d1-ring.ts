import type { TraceSummary } from '../model/span.ts';
import { readRows } from './d1-traces.ts';
import { mergeDigests } from './merge.ts';
import { byRevision, decodeDigest, decodePlaces, type PartPlace, ROW_COLUMNS, type TraceColumns } from './trace-row.ts';

/** A trace's summary and where its parts are, or null. @throws StoreError `row_corrupt`, or what D1 threw */
export async function findTrace(
  databases: readonly D1Database[],
  traceId: string,
): Promise<{ summary: TraceSummary; places: PartPlace[] } | null> {
  const select = (db: D1Database) =>
    db.prepare(`SELECT ${ROW_COLUMNS} FROM traces WHERE trace_id = ?1`).bind(traceId).first<TraceColumns>();
  const rows = (await Promise.all(databases.map(select))).filter((row) => row !== null);
  if (rows.length === 0) return null;
  const { summary } = rows.map(decodeDigest).reduce(mergeDigests);
  return { summary, places: rows.flatMap(decodePlaces).sort(byRevision) };
}

/** Of those that are stored. @throws StoreError `row_corrupt`, or what D1 threw */
export async function readSummaries(
  databases: readonly D1Database[],
  traceIds: readonly string[],
): Promise<TraceSummary[]> {
  const rows = (await Promise.all(databases.map((db) => readRows(db, traceIds)))).flat();
  const byId = Map.groupBy(rows, ({ trace_id }) => trace_id);
  return [...byId.values()].map((each) => each.map(decodeDigest).reduce(mergeDigests).summary);
}
