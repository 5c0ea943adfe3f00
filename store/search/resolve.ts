/** What becomes of candidates: their rows are looked up, and what they promise is checked. */

import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import { asksSpans, matchesFacts, matchesSpans } from '../../model/query/matches-search.ts';
import { readRows } from '../d1-traces.ts';
import { StoreError } from '../errors.ts';
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
    if (!stands(resolver, candidate, rows[i]!) || isSpokenFor(resolver, candidate, rows[i]!, search)) continue;
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

/** The same trace may be several candidates. */
async function rowsOf(databases: readonly D1Database[], candidates: readonly Candidate[]): Promise<Rows[]> {
  const byDatabase = await Promise.all(
    databases.map(async (database, db) => {
      const known = candidates.flatMap((candidate) => (candidate.db === db && candidate.row ? candidate.row : []));
      const rows = new Map(known.map((row) => [row.trace_id, row]));
      const missing = new Set(candidates.map(({ key }) => key.traceId).filter((traceId) => !rows.has(traceId)));
      for (const row of await readRows(database, [...missing])) rows.set(row.trace_id, row);
      return rows;
    }),
  );
  return candidates.map(({ key }) => byDatabase.map((rows) => rows.get(key.traceId) ?? null));
}

/** Whether the trace was there when the snapshot was taken, and this is where it stood then. */
function stands({ snapshot, changes }: Resolver, { key, db, before }: Candidate, rows: Rows): boolean {
  const row = rows[db]!;
  if (row === null || row.seq > snapshot.seqs[db]!) return false;
  if (before) return true;
  // What an index says of a trace that got more parts is outdated; where those are, it is found again.
  const { startUs, durationUs } = keyOfRow(row);
  return startUs === key.startUs && durationUs === key.durationUs && !changes[db]!.has(key.traceId);
}

/**
 * Whether an earlier row of the trace, in another database, stands for it. Where spans are asked for, it may be found by its later
 * rows alone.
 */
function isSpokenFor({ snapshot, changes }: Resolver, { key, db }: Candidate, rows: Rows, search: PageSearch): boolean {
  if (asksSpans(search)) return false;
  return rows.some((row, other) => {
    if (row === null || other === db || row.seq > snapshot.seqs[other]!) return false;
    const { startUs } = changes[other]!.get(key.traceId)?.key ?? keyOfRow(row);
    return startUs < key.startUs || (startUs === key.startUs && other < db);
  });
}

async function hasSpans({ get }: Resolver, { key }: Candidate, search: PageSearch): Promise<boolean> {
  if (!asksSpans(search)) return true;
  const trace = await get(key.traceId).catch((error: unknown) => {
    // What is damaged cannot be shown, and must not keep the rest from being found.
    if (error instanceof StoreError && (error.fault === 'block_missing' || error.fault === 'block_corrupt'))
      return null;
    throw error;
  });
  return trace !== null && matchesSpans(decodeSpans(mergeTrace(trace.otlp), 'kept'), search);
}
