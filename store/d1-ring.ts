/** Reading a ring of databases, in which a trace may have a row in several: all of them are asked, and its rows united. */

import type { TraceSummary } from '../model/span.ts';
import { searchRows, searchTraces } from './d1-search.ts';
import { readRows } from './d1-traces.ts';
import { matchesQuery, newestFirst } from './match-trace.ts';
import { mergeDigests, type TraceDigest } from './merge.ts';
import type { SortKey, TraceQuery } from './store.ts';
import { byRevision, decodeDigest, decodePlaces, type PartPlace, type TraceColumns } from './trace-row.ts';

/** A trace's summary and where its parts are, or null. @throws StoreError `row_corrupt`, or what D1 threw */
export async function findTrace(
  databases: readonly D1Database[],
  traceId: string,
): Promise<{ summary: TraceSummary; places: PartPlace[] } | null> {
  const select = (db: D1Database) =>
    db.prepare('SELECT * FROM traces WHERE trace_id = ?1').bind(traceId).first<TraceColumns>();
  const rows = (await Promise.all(databases.map(select))).filter((row) => row !== null);
  if (rows.length === 0) return null;
  const { summary } = rows.map(decodeDigest).reduce(mergeDigests);
  return { summary, places: rows.flatMap(decodePlaces).sort(byRevision) };
}

/**
 * Newest first. With several databases, a row that matches brings in the trace's other rows, and the whole must match: what
 * only the whole has, such as a duration from one row's start to another one's end, is not found by it.
 * @throws StoreError `row_corrupt`, or what D1 threw
 */
export async function searchRing(databases: readonly D1Database[], query: TraceQuery): Promise<TraceSummary[]> {
  if (databases.length === 1) return searchTraces(databases[0]!, query);
  const found = new Map<string, TraceSummary>();
  let frontiers: { db: D1Database; after: SortKey | undefined; isOver: boolean }[] = databases.map((db) => ({
    db,
    after: query.after,
    isOver: false,
  }));
  while (true) {
    frontiers = await Promise.all(
      frontiers.map(async (frontier) => {
        if (frontier.isOver) return frontier;
        const { db, after } = frontier;
        const rows = await searchRows(db, { ...query, ...(after && { after }) });
        for (const digest of await unite(databases, db, rows)) {
          if (matchesQuery(digest, query)) found.set(digest.summary.traceId, digest.summary);
        }
        const last = rows.at(-1);
        const next = last && { startUs: last.start_us, traceId: last.trace_id };
        return { db, after: next ?? after, isOver: rows.length < query.limit };
      }),
    );
    const sorted = [...found.values()].sort(newestFirst);
    const open = frontiers.filter(({ isOver }) => !isOver).map(({ after }) => after!);
    // What sorts before every database's frontier is complete.
    const sure = sorted.filter((summary) => open.every((after) => newestFirst(summary, after) <= 0));
    if (open.length === 0 || sure.length >= query.limit) return sure.slice(0, query.limit);
  }
}

/** The rows with what other databases have of the same traces. */
async function unite(
  databases: readonly D1Database[],
  source: D1Database,
  rows: readonly TraceColumns[],
): Promise<TraceDigest[]> {
  const digests = new Map(rows.map((row) => [row.trace_id, decodeDigest(row)]));
  const ids = [...digests.keys()];
  const elsewhere = await Promise.all(databases.filter((db) => db !== source).map((db) => readRows(db, ids)));
  for (const row of elsewhere.flat()) {
    digests.set(row.trace_id, mergeDigests(digests.get(row.trace_id)!, decodeDigest(row)));
  }
  return [...digests.values()];
}
