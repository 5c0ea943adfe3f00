/** What becomes of candidates: their rows are looked up, and what they promise is checked. */

import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import { asksSpans, matchesFacts, matchesSpans } from '../../model/query/matches-search.ts';
import { readRows } from '../d1-traces.ts';
import { mergeDigests } from '../merge.ts';
import type { FoundTrace, PageSearch, Store } from '../store.ts';
import { decodeDigest, decodePlaces, type StoredRow } from '../trace-row.ts';
import { keyOfRow } from './block-source.ts';
import type { Candidate } from './candidate.ts';
import type { Change, Snapshot } from './snapshot.ts';

/** Rows of a trace by database, where it has one. */
type Rows = readonly (StoredRow | null)[];

export interface Resolver {
  readonly databases: readonly D1Database[];
  readonly get: Store['get'];
  readonly snapshot: Snapshot;
  /** By database. */
  readonly changes: readonly ReadonlyMap<string, Change>[];
}

/** Those that match, in the order they came. @throws StoreError, or what D1 threw */
export async function resolve(
  resolver: Resolver,
  candidates: readonly Candidate[],
  search: PageSearch,
): Promise<FoundTrace[]> {
  const rows = await rowsOf(resolver.databases, candidates);
  const found: FoundTrace[] = [];
  for (const [i, candidate] of candidates.entries()) {
    if (!stands(resolver, candidate, rows[i]!)) continue;
    const { summary } = rows[i]!.filter((row) => row !== null)
      .map(decodeDigest)
      .reduce(mergeDigests);
    if (!matchesFacts(candidate.before ?? summary, search)) continue;
    // An index puts together what each part has, also what another part has since replaced.
    const isExact = candidate.isExact && rows[i]!.flatMap((row) => (row ? decodePlaces(row) : [])).length === 1;
    if (!isExact && !(await hasSpans(resolver, candidate, search))) continue;
    found.push({ key: candidate.key, summary });
  }
  return found;
}

async function rowsOf(databases: readonly D1Database[], candidates: readonly Candidate[]): Promise<Rows[]> {
  const rows = candidates.map((candidate) => databases.map((_, db) => (db === candidate.db ? candidate.row : null)));
  await Promise.all(
    databases.map(async (database, db) => {
      const missing = new Map(
        [...candidates.entries()]
          .filter(([i]) => rows[i]![db] === null)
          .map(([i, { key }]) => [key.traceId, rows[i]!] as const),
      );
      for (const row of await readRows(database, [...missing.keys()])) missing.get(row.trace_id)![db] = row;
    }),
  );
  return rows;
}

/** Whether the trace was there when the snapshot was taken, and this is where it stood then. */
function stands({ snapshot, changes }: Resolver, { key, db, before }: Candidate, rows: Rows): boolean {
  const row = rows[db]!;
  if (row === null || row.seq > snapshot.seqs[db]!) return false;
  // Of several rows the earliest one stands for the trace.
  const isFirst = rows.every(
    (other, i) => other === null || other.start_us > row.start_us || (i >= db && other.start_us === row.start_us),
  );
  if (!isFirst) return false;
  if (before) return true;
  // What an index says of a trace that got more parts is outdated; where those are, it is found again.
  const { startUs, durationUs } = keyOfRow(row);
  return startUs === key.startUs && durationUs === key.durationUs && !changes[db]!.has(key.traceId);
}

async function hasSpans({ get }: Resolver, { key }: Candidate, search: PageSearch): Promise<boolean> {
  if (!asksSpans(search)) return true;
  const trace = await get(key.traceId);
  return trace !== null && matchesSpans(decodeSpans(mergeTrace(trace.otlp), 'kept'), search);
}
