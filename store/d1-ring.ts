/** Reading a ring of databases, in which a trace may have a row in several: all of them are asked, and its rows united. */

import { newestFirst } from '../model/order.ts';
import type { TraceSummary } from '../model/span.ts';
import { readRows } from './d1-traces.ts';
import { type Walk, walkRows } from './d1-walk.ts';
import { mergeDigests, type TraceDigest } from './merge.ts';
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

/** At most `limit` traces, newest first. @throws StoreError `row_corrupt`, or what D1 threw */
export async function walkRing(databases: readonly D1Database[], walk: Walk): Promise<TraceSummary[]> {
  if (databases.length === 1) {
    return (await walkRows(databases[0]!, walk)).map((row) => decodeDigest(row).summary);
  }
  const found = new Map<string, TraceSummary>();
  let frontiers: { db: D1Database; after: Walk['after']; isOver: boolean }[] = databases.map((db) => ({
    db,
    after: walk.after,
    isOver: false,
  }));
  while (true) {
    frontiers = await Promise.all(
      frontiers.map(async (frontier) => {
        if (frontier.isOver) return frontier;
        const { db, after } = frontier;
        const rows = await walkRows(db, { ...walk, ...(after && { after }) });
        for (const { summary } of await unite(databases, db, rows)) {
          if (isAhead(summary, walk)) found.set(summary.traceId, summary);
        }
        const last = rows.at(-1);
        const next = last && { startUs: last.start_us, traceId: last.trace_id };
        return { db, after: next ?? after, isOver: rows.length < walk.limit };
      }),
    );
    const sorted = [...found.values()].sort(newestFirst);
    const open = frontiers.filter(({ isOver }) => !isOver).map(({ after }) => after!);
    // What sorts before every database's frontier is complete.
    const sure = sorted.filter((summary) => open.every((after) => newestFirst(summary, after) <= 0));
    if (open.length === 0 || sure.length >= walk.limit) return sure.slice(0, walk.limit);
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

function isAhead({ startUs, traceId }: TraceSummary, walk: Walk): boolean {
  if (startUs < walk.startUs || startUs > walk.endUs) return false;
  return !walk.after || newestFirst(walk.after, { startUs, traceId }) < 0;
}
