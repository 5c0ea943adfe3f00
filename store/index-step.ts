/**
 * A step of the index: a segment of blocks that none covers yet, or one of segments that belong together, or one without the
 * traces that have gone. Each puts an object, then changes the rows in one transaction that holds only while what it was made of is
 * still as it was: so steps may be repeated, and may race with each other and with everything else.
 */

import { crc32 } from 'node:zlib';
import { formatHex } from '../model/ids.ts';
import { decodeBlockIndex } from './block.ts';
import { decodeBlockEntry } from './block-entry.ts';
import { garbageStatement } from './d1-blocks.ts';
import { findSegment, listSegments } from './d1-segments.ts';
import { StoreError } from './errors.ts';
import { orCorrupt, readObject } from './r2-blocks.ts';
import { putSegment, readSegment } from './r2-segments.ts';
import { deleteGarbage, type Shelf } from './rewrite-block.ts';
import { buildSegment, type IndexedTrace } from './segment/build.ts';
import { mergeSegments } from './segment/merge.ts';
import type { Segment } from './segment/segment.ts';
import { type Merge, planMerge, SEGMENT_LEVELS } from './segment-plan.ts';
import type { IndexReport, Store } from './store.ts';

export const SEGMENT_PREFIX = 'segments/';
/** Blocks of a step: with so many traces, bytes and calls together, or one alone. */
const MAX_TRACES = 4_096;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_BLOCKS = 256;
/** An invocation has a thousand calls of D1 and R2. Each block takes two, each late part the row of its trace and two parts. */
const MAX_CALLS = 600;
const BLOCK_CALLS = 2;
const LATE_CALLS = 3;
/** Ids in one parameter of D1, which has room for 2 MB. */
const IDS_AT_ONCE = 5_000;
const ID_BYTES = 16;

interface UncoveredRow {
  readonly block_key: string;
  readonly suffix: string;
  readonly bytes: number;
  readonly trace_count: number;
  readonly late_parts: number;
}

interface FactsRow {
  readonly trace_id: string;
  readonly start_us: number;
  readonly duration_us: number;
  readonly status: 'ok' | 'error';
  readonly part_count: number;
}

const SELECT_UNCOVERED = `SELECT block_key, suffix, bytes, trace_count,
  (SELECT count(*) FROM changes WHERE changes.block_key = blocks.block_key) AS late_parts
FROM blocks WHERE is_covered = 0
ORDER BY max_start_us LIMIT ${MAX_BLOCKS}`;

const SELECT_FACTS = `SELECT trace_id, start_us, duration_us, status, json_array_length(parts) AS part_count
FROM json_each(?1) AS wanted JOIN traces ON traces.trace_id = wanted.value`;

const INSERT_SEGMENT = `INSERT INTO segments
  (segment_key, level, trace_count, bytes, min_start_us, max_start_us, late_traces) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7`;

const SELECT_GONE = `SELECT value FROM json_each(?1)
WHERE NOT EXISTS (SELECT 1 FROM traces WHERE traces.trace_id = value)`;

const KEEP_SEGMENT = `DELETE FROM garbage WHERE object_key = ?1
AND EXISTS (SELECT 1 FROM segments WHERE segment_key = ?1)`;

/** Of these segments those that have no row any more. */
const GARBAGE_OLD = `INSERT INTO garbage (object_key, since_ms) SELECT value ->> 0, ?2 FROM json_each(?1)
WHERE NOT EXISTS (SELECT 1 FROM segments WHERE segment_key = value ->> 0) ON CONFLICT DO NOTHING`;

/** Whether the blocks in parameter `at` are all as they were, and uncovered. */
const areUncovered = (at: number) => `(SELECT count(*) FROM json_each(?${at}) AS each JOIN blocks
  ON block_key = each.value ->> 0 AND suffix = each.value ->> 1 AND is_covered = 0) = json_array_length(?${at})`;

/** Whether the segments in parameter `at` are all as they were. */
const areSame = (at: number) => `(SELECT count(*) FROM json_each(?${at}) AS each JOIN segments
  ON segment_key = each.value ->> 0 AND stale = each.value ->> 1) = json_array_length(?${at})`;

/** `get`: what the store gives of a trace, for those that are in several blocks. */
export async function indexStep(shelf: Shelf, get: Store['get'], nowMs: number): Promise<IndexReport> {
  const covered = await coverBlocks(shelf, get, nowMs);
  if (covered) return covered;
  const merge = planMerge(await listSegments(shelf.db), nowMs);
  if (merge === null) return { blocks: 0, segments: 0, hasMore: false };
  return { blocks: 0, segments: await carryOut(shelf, merge, nowMs), hasMore: true };
}

async function coverBlocks(shelf: Shelf, get: Store['get'], nowMs: number): Promise<IndexReport | null> {
  const { results } = await shelf.db.prepare(SELECT_UNCOVERED).all<UncoveredRow>();
  const blocks = firstBlocks(results);
  if (blocks.length === 0) return null;
  const traces: IndexedTrace[] = [];
  let lateTraces = 0;
  for (const block of blocks) {
    const read = await readTraces(shelf, get, block);
    traces.push(...read.traces);
    lateTraces += read.lateTraces;
  }
  const names = JSON.stringify(blocks.map(({ block_key, suffix }) => [block_key, suffix]));
  // A trace with parts in two of them is one trace.
  const segment = buildSegment([...new Map(traces.map((trace) => [trace.traceId, trace])).values()]);
  const key = segmentKeyOf(segment, names);
  const cover = `UPDATE blocks SET is_covered = 1 WHERE ${areUncovered(1)}
AND block_key IN (SELECT value ->> 0 FROM json_each(?1)) RETURNING block_key`;
  const change = shelf.db.prepare(cover).bind(names);
  const kind = { level: SEGMENT_LEVELS.blocks, lateTraces };
  const isDone = await commit(shelf, key, kind, segment, nowMs, names, areUncovered, change);
  return { blocks: isDone ? blocks.length : 0, segments: isDone && segment.traceCount > 0 ? 1 : 0, hasMore: true };
}

function firstBlocks(rows: readonly UncoveredRow[]): UncoveredRow[] {
  let traces = 0;
  let bytes = 0;
  let calls = 0;
  return rows.filter((row, i) => {
    traces += row.trace_count;
    bytes += row.bytes;
    calls += BLOCK_CALLS + LATE_CALLS * row.late_parts;
    return i === 0 || (traces <= MAX_TRACES && bytes <= MAX_BYTES && calls <= MAX_CALLS);
  });
}

/** What of a block's traces can be found. What is damaged cannot be shown either. */
async function readTraces(
  shelf: Shelf,
  get: Store['get'],
  block: UncoveredRow,
): Promise<{ traces: IndexedTrace[]; lateTraces: number }> {
  const objectKey = block.block_key + block.suffix;
  const traces: IndexedTrace[] = [];
  let lateTraces = 0;
  if (block.trace_count === 0) return { traces, lateTraces };
  const found = await orNull(async () => {
    const bytes = await readObject(shelf.bucket, objectKey);
    return { bytes, ...orCorrupt(objectKey, () => decodeBlockIndex(bytes)) };
  });
  if (found === null) return { traces, lateTraces };
  const { bytes, entries } = found;
  for (const row of await readFacts(shelf.db, [...entries.keys()])) {
    const { offset, length } = entries.get(row.trace_id)!;
    const part = () => decodeBlockEntry(bytes.subarray(offset, offset + length), row.trace_id);
    if (row.part_count > 1) lateTraces++;
    const otlp = await orNull(async () =>
      row.part_count === 1 ? orCorrupt(objectKey, part) : ((await get(row.trace_id))?.otlp ?? null),
    );
    if (otlp) traces.push({ ...factsOf(row), otlp });
    if (traces.length % 64 === 0) await scheduler.wait(0);
  }
  return { traces, lateTraces };
}

/** null where it is damaged, or has gone meanwhile. */
async function orNull<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof StoreError) || error.fault === 'unavailable') throw error;
    return null;
  }
}

function factsOf({ trace_id, start_us, duration_us, status }: FactsRow): Omit<IndexedTrace, 'otlp'> {
  return { traceId: trace_id, startUs: start_us, durationUs: duration_us, status };
}

async function readFacts(db: D1Database, traceIds: readonly string[]): Promise<FactsRow[]> {
  const rows: FactsRow[] = [];
  for (let i = 0; i < traceIds.length; i += IDS_AT_ONCE) {
    const ids = JSON.stringify(traceIds.slice(i, i + IDS_AT_ONCE));
    rows.push(...(await db.prepare(SELECT_FACTS).bind(ids).all<FactsRow>()).results);
  }
  return rows;
}

/** How many segments were written. */
async function carryOut(shelf: Shelf, { level, segments: rows }: Merge, nowMs: number): Promise<number> {
  const segments = await Promise.all(rows.map(({ segmentKey }) => readSegment(shelf.bucket, segmentKey)));
  const stale = rows.some((row) => row.stale > 0);
  const lateTraces = rows.reduce((sum, row) => sum + row.lateTraces, 0);
  const gone = stale ? await findGone(shelf.db, segments) : new Set<string>();
  const repeated = lateTraces > 0 ? await readFacts(shelf.db, findRepeated(segments)) : [];
  // What each segment says of them is of when it was made; the last one's facts stand.
  const present = buildSegment(repeated.map((row) => ({ ...factsOf(row), otlp: new Uint8Array(0) })));
  const merged = mergeSegments([...segments, present], (traceId) => !gone.has(traceId));
  const names = JSON.stringify(rows.map(({ segmentKey, stale }) => [segmentKey, stale]));
  const key = segmentKeyOf(merged, names);
  const remove = `DELETE FROM segments WHERE ${areSame(1)} AND segment_key IN (SELECT value ->> 0 FROM json_each(?1))
RETURNING segment_key`;
  const isDone = await commit(
    shelf,
    key,
    { level, lateTraces },
    merged,
    nowMs,
    names,
    areSame,
    shelf.db.prepare(remove).bind(names),
    shelf.db.prepare(GARBAGE_OLD).bind(names, nowMs),
  );
  if (isDone) for (const { segmentKey } of rows) await deleteGarbage(shelf, segmentKey);
  return isDone && merged.traceCount > 0 ? 1 : 0;
}

function idsOf({ columns, traceCount }: Segment): string[] {
  return Array.from({ length: traceCount }, (_, i) => formatHex(columns.ids, i * ID_BYTES, ID_BYTES));
}

/** Traces that are in several segments. */
function findRepeated(segments: readonly Segment[]): string[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const traceId of segments.flatMap(idsOf)) {
    if (seen.has(traceId)) repeated.add(traceId);
    seen.add(traceId);
  }
  return [...repeated];
}

/** Traces that have no row any more. */
async function findGone(db: D1Database, segments: readonly Segment[]): Promise<Set<string>> {
  const ids = segments.flatMap(idsOf);
  const gone = new Set<string>();
  for (let i = 0; i < ids.length; i += IDS_AT_ONCE) {
    const { results } = await db
      .prepare(SELECT_GONE)
      .bind(JSON.stringify(ids.slice(i, i + IDS_AT_ONCE)))
      .all<{ value: string }>();
    for (const { value } of results) gone.add(value);
  }
  return gone;
}

/** The same for the same, whoever makes it. */
function segmentKeyOf({ columns }: Segment, names: string): string {
  const day = new Date((columns.starts[0] ?? 0) / 1000).toISOString().slice(0, 10);
  const hash = [crc32(names), crc32(columns.ids)].map((sum) => sum.toString(16).padStart(8, '0')).join('');
  return `${SEGMENT_PREFIX}${day}/${hash}`;
}

/**
 * Puts a segment and makes the change that goes with it, if what it was made of is still the same. One without traces is not put.
 * False where something had changed.
 */
async function commit(
  shelf: Shelf,
  segmentKey: string,
  { level, lateTraces }: { readonly level: number; readonly lateTraces: number },
  segment: Segment,
  nowMs: number,
  names: string,
  isDue: (at: number) => string,
  change: D1PreparedStatement,
  ...after: D1PreparedStatement[]
): Promise<boolean> {
  const { db, bucket } = shelf;
  const { traceCount, columns } = segment;
  const insert: D1PreparedStatement[] = [];
  if (traceCount > 0) {
    await garbageStatement(db, segmentKey, nowMs).all();
    const bytes = await putSegment(bucket, segmentKey, segment);
    const [minStartUs, maxStartUs] = [columns.starts[traceCount - 1], columns.starts[0]];
    insert.push(
      db
        .prepare(`${INSERT_SEGMENT} WHERE ${isDue(8)} ON CONFLICT DO NOTHING`)
        .bind(segmentKey, level, traceCount, bytes, minStartUs, maxStartUs, lateTraces, names),
    );
  }
  const keep = db.prepare(KEEP_SEGMENT).bind(segmentKey);
  const results = await db.batch([...insert, change, keep, ...after]);
  if (results[insert.length]!.results.length > 0) return true;
  if ((await findSegment(db, segmentKey)) === null) await deleteGarbage(shelf, segmentKey);
  return false;
}
