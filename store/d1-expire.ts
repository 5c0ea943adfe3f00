/** Expiry of one block, in its database of the ring. */

import { MAX_ROUNDS } from './bounds.ts';
import { type BlockRow, findBlock, objectKeyOf, postponeBlock } from './d1-blocks.ts';
import { hasPart, readRows } from './d1-traces.ts';
import { StoreError } from './errors.ts';
import { mergeDigests } from './merge.ts';
import { readIndex } from './r2-sections.ts';
import { type BlockFuture, DAY_MS, decideBlock } from './retention.ts';
import { type LeavingTrace, removeBlock, rewriteBlock, type Shelf } from './rewrite-block.ts';
import type { ExpireCounts, ExpireOptions } from './store.ts';
import { decodeDigest, decodePlaces, type TraceColumns } from './trace-row.ts';

export interface ExpiredBlock {
  readonly intended: ExpireCounts;
  readonly actual: ExpireCounts;
  readonly keptTraces: number;
  readonly isFailed: boolean;
}

type Options = Pick<ExpireOptions, 'nowMs' | 'days' | 'dryRun'>;

/** Where the traces of a block are in its object. */
interface FoundEntries {
  readonly entries: ReadonlyMap<string, { readonly offset: number; readonly length: number }>;
  /** False when the object is damaged or gone and its rows had to tell. */
  readonly isReadable: boolean;
}

interface Plan {
  readonly future: BlockFuture;
  readonly leaving: readonly LeavingTrace[];
  /** Rows of leaving traces in the other databases. */
  readonly elsewhere: readonly TraceColumns[];
  readonly intended: ExpireCounts;
}

const NOTHING: ExpireCounts = { blocks: 0, traces: 0, bytes: 0 };

const REMOVE_ROWS = `DELETE FROM traces WHERE trace_id IN (
  SELECT gone.value ->> 0 FROM json_each(?1) AS gone JOIN traces AS row ON row.trace_id = gone.value ->> 0
  WHERE row.parts = gone.value ->> 1)`;

/**
 * Takes what is due out of a block, or removes it. `others`: the other databases, whose rows may say more of the same traces.
 * What is damaged is put off by a day.
 * @throws StoreError `unavailable` or `contended`, or what D1 threw
 */
export async function expireBlock(
  shelf: Shelf,
  others: readonly D1Database[],
  due: BlockRow,
  options: Options,
): Promise<ExpiredBlock> {
  try {
    return await tryBlock(shelf, others, due, options);
  } catch (error) {
    const isPassing = !(error instanceof StoreError) || error.fault === 'unavailable' || error.fault === 'contended';
    if (isPassing) throw error;
    // Nothing that is damaged may keep the rest from expiring.
    if (!options.dryRun) await postponeBlock(shelf.db, due, due.retention, options.nowMs + DAY_MS);
    return { intended: NOTHING, actual: NOTHING, keptTraces: 0, isFailed: true };
  }
}

async function tryBlock(
  shelf: Shelf,
  others: readonly D1Database[],
  due: BlockRow,
  options: Options,
): Promise<ExpiredBlock> {
  let block: BlockRow | null = due;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (block === null) return { intended: NOTHING, actual: NOTHING, keptTraces: 0, isFailed: false };
    const found = await findEntries(shelf, block);
    const plan = await planBlock(shelf.db, others, block, found.entries, options);
    const { intended, future } = plan;
    const report = { intended, actual: NOTHING, keptTraces: future.staying.size, isFailed: false };
    if (options.dryRun) return report;
    if (future.staying.size > 0 && !found.isReadable) {
      // The rows that stay name what is lost. In a day somebody may have mended it.
      await postponeBlock(shelf.db, block, block.retention, options.nowMs + DAY_MS);
      return { ...report, isFailed: true };
    }
    const gone = JSON.stringify(plan.elsewhere.map((row) => [row.trace_id, row.parts]));
    if (plan.elsewhere.length > 0) for (const db of others) await db.prepare(REMOVE_ROWS).bind(gone).all();
    if (await carryOut(shelf, block, found.entries, plan, options.nowMs)) return { ...report, actual: intended };
    block = await findBlock(shelf.db, due.blockKey);
  }
  throw new StoreError('contended', due.blockKey, 'its traces kept changing');
}

/** False when something changed meanwhile. */
async function carryOut(
  shelf: Shelf,
  block: BlockRow,
  entries: FoundEntries['entries'],
  { future, leaving }: Plan,
  nowMs: number,
): Promise<boolean> {
  const { staying, retention, notBeforeMs } = future;
  if (staying.size === 0) return removeBlock(shelf, block, { nowMs, leaving }, entries);
  if (leaving.length > 0) {
    const keep = (traceId: string) => staying.has(traceId);
    return rewriteBlock(shelf, block, { nowMs, keep, leaving, retention, notBeforeMs });
  }
  await postponeBlock(shelf.db, block, retention, notBeforeMs);
  return true;
}

async function findEntries({ db, bucket }: Shelf, block: BlockRow): Promise<FoundEntries> {
  if (block.traceCount === 0) return { entries: new Map(), isReadable: true };
  const objectKey = objectKeyOf(block);
  try {
    return { entries: await readIndex(bucket, objectKey), isReadable: true };
  } catch (error) {
    if (!(error instanceof StoreError) || error.fault === 'unavailable') throw error;
  }
  const { results } = await db
    .prepare('SELECT * FROM traces WHERE start_us <= ?1 AND instr(parts, ?2) > 0')
    .bind(block.maxStartUs, `[${JSON.stringify(objectKey)},`)
    .all<TraceColumns>();
  const placeOf = (row: TraceColumns) => decodePlaces(row).find((place) => place.objectKey === objectKey)!;
  return { entries: new Map(results.map((row) => [row.trace_id, placeOf(row)])), isReadable: false };
}

async function planBlock(
  db: D1Database,
  others: readonly D1Database[],
  block: BlockRow,
  entries: FoundEntries['entries'],
  options: Options,
): Promise<Plan> {
  const ids = [...entries.keys()];
  const rows = (await readRows(db, ids)).filter((row) => hasPart(row, block.blockKey));
  const known = rows.map((row) => row.trace_id);
  const elsewhere = (await Promise.all(others.map((other) => readRows(other, known)))).flat();
  const holds = await readHolds(db, known);
  const traces = rows.map((row) => {
    const same = elsewhere.filter((other) => other.trace_id === row.trace_id);
    const { summary } = same.map(decodeDigest).reduce(mergeDigests, decodeDigest(row));
    return { traceId: row.trace_id, summary, heldUntilMs: holds.get(row.trace_id) ?? 0 };
  });
  const future = decideBlock(traces, block.decidedMs, options);
  const lengths = new Map(rows.map((row) => [row.trace_id, [...row.parts].length]));
  const leaving = ids
    .filter((traceId) => !future.staying.has(traceId))
    .map((traceId) => ({ traceId, partsLength: lengths.get(traceId) ?? null }));
  const isWhole = future.staying.size === 0;
  const entryBytes = leaving.reduce((sum, { traceId }) => sum + entries.get(traceId)!.length, 0);
  return {
    future,
    leaving,
    elsewhere: elsewhere.filter((row) => future.leaving.has(row.trace_id)),
    intended: {
      blocks: isWhole ? 1 : 0,
      traces: future.leaving.size,
      bytes: isWhole ? block.bytes : entryBytes,
    },
  };
}

async function readHolds(db: D1Database, traceIds: readonly string[]): Promise<Map<string, number>> {
  const { results } = await db
    .prepare('SELECT holds.* FROM json_each(?1) AS wanted JOIN holds ON holds.trace_id = wanted.value')
    .bind(JSON.stringify(traceIds))
    .all<{ trace_id: string; until_ms: number }>();
  return new Map(results.map((row) => [row.trace_id, row.until_ms]));
}
