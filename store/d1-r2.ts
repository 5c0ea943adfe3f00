import { concatBytes } from '../model/slice-frame.ts';
import { MAX_EXPORT_BYTES, MAX_ROUNDS } from './bounds.ts';
import { findDueBlocks } from './d1-blocks.ts';
import { countRing, tallyRing } from './d1-count.ts';
import { buryTrace, scrubTrace } from './d1-erase.ts';
import { expireBlock } from './d1-expire.ts';
import { holdTrace, letGoTrace } from './d1-holds.ts';
import { keepHouse } from './d1-housekeeping.ts';
import { findTrace, readSummaries } from './d1-ring.ts';
import { findStaleRollUps, readRollUps, stampedIn, writeRollUp } from './d1-roll-ups.ts';
import { searchRing } from './d1-search.ts';
import { dropSegment, findSegment, type SegmentRow } from './d1-segments.ts';
import { readStatistics, writeStatistics } from './d1-statistics.ts';
import { writeBlock } from './d1-write.ts';
import { StoreError } from './errors.ts';
import { exportTraces } from './export-traces.ts';
import { groupParts } from './group-parts.ts';
import { indexStep, SEGMENT_PREFIX } from './index-step.ts';
import { migrate } from './migrations/migrate.ts';
import { checkBlockKey } from './object-key.ts';
import { OpenSegments } from './open-segments.ts';
import { readPart } from './r2-blocks.ts';
import { blockAge, checkDays, DAY_MS } from './retention.ts';
import type { Shelf } from './search/sources.ts';
import type { ExpireOptions, ExpireReport, IndexReport, Store, VersionedTrace } from './store.ts';
import { versionOf, withoutVersion } from './trace-version.ts';

/** The bindings the store lives on. */
export interface D1R2Bindings {
  /** One or more, never fewer than there once were, in the order they always had. */
  readonly databases: readonly [D1Database, ...D1Database[]];
  readonly bucket: R2Bucket;
  /** How long one database takes all that is written, before the next in the ring does. Without meaning for one. */
  readonly periodDays: number;
}

/**
 * The store of a deployment: bytes in R2 blocks, summaries in D1. The schema is brought up to date at first use.
 *
 * A write is two steps, R2 then D1, and each finds out whether it was done before: the block is there under its key, a
 * row names the block among its parts. So whatever failed, and whether or not the failed call took effect, the same
 * write again completes it. D1 and R2 failures become StoreErrors; this code never retries them itself.
 *
 * Several databases are a ring: a block and the rows of its traces are in the one of the period in which the last of its
 * traces was decided. A trace with parts in several blocks may have a row in several databases; readers unite them.
 */
export function createD1R2Store({ databases, bucket, periodDays }: D1R2Bindings): Store {
  const migrated = new Set<D1Database>();
  const segments = new OpenSegments(bucket);
  const shelves = databases.map((database, db) => ({
    db,
    database,
    bucket,
    openSegment: (row: SegmentRow) => segments.open(row),
  }));

  /** Runs a step on migrated databases; what D1 throws becomes a StoreError about `key`. */
  async function onDatabases<T>(key: string, used: readonly D1Database[], step: () => Promise<T>): Promise<T> {
    try {
      await Promise.all(used.map(bringUpToDate));
      return await step();
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      throw new StoreError('unavailable', key, String(cause), { cause });
    }
  }

  /** Each call by itself until one has done it: a promise must not outlive the request it was made in. */
  async function bringUpToDate(db: D1Database): Promise<void> {
    if (migrated.has(db)) return;
    await migrate(db);
    migrated.add(db);
  }

  /** The same with segments. One that is not there any more was merged meanwhile; one that is damaged is given up. */
  async function onShelves<T>(step: (shelves: readonly Shelf[]) => Promise<T>): Promise<T> {
    for (let round = 1; ; round++) {
      try {
        return await onDatabases('', databases, () => step(shelves));
      } catch (error) {
        if (!isLostSegment(error) || round === MAX_ROUNDS) throw error;
        await onDatabases(error.key, databases, () => giveUpSegment(error.key));
      }
    }
  }

  /** A segment that cannot be merged is given up: the next step covers anew what it covered. */
  async function indexOne(db: D1Database, nowMs: number): Promise<IndexReport> {
    try {
      return await indexStep({ db, bucket }, get, nowMs);
    } catch (error) {
      if (!isLostSegment(error)) throw error;
      await giveUpSegment(error.key);
      return { blocks: 0, segments: 0, hasMore: true };
    }
  }

  async function giveUpSegment(segmentKey: string): Promise<void> {
    segments.forget(segmentKey);
    for (const db of databases) {
      const row = await findSegment(db, segmentKey);
      if (row) await dropSegment(db, row);
    }
  }

  /** The database of a time. */
  function databaseAt(ms: number): D1Database {
    return databases[Math.floor(Math.max(ms, 0) / (periodDays * DAY_MS)) % databases.length]!;
  }

  async function getSince(traceId: string, known: string | null): Promise<VersionedTrace | 'unchanged' | null> {
    for (let round = 1; ; round++) {
      const found = await onDatabases(traceId, databases, () => findTrace(databases, traceId));
      if (found === null) return null;
      const version = versionOf(found.summary, found.places);
      if (version === known) return 'unchanged';
      try {
        const parts = await Promise.all(found.places.map((place) => readPart(bucket, traceId, place)));
        return { summary: found.summary, otlp: concatBytes(parts), version };
      } catch (error) {
        if (!(error instanceof StoreError) || error.fault !== 'block_missing' || round === MAX_ROUNDS) throw error;
        // The block may have been rewritten between the two reads; then the row says something else now.
        const again = await onDatabases(traceId, databases, () => findTrace(databases, traceId));
        if (JSON.stringify(again?.places) === JSON.stringify(found.places)) throw error;
      }
    }
  }

  const get = async (traceId: string) => withoutVersion(await getSince(traceId, null));

  async function expire(options: ExpireOptions): Promise<ExpireReport> {
    const { nowMs, days, maxBlocks, dryRun } = options;
    const due = (
      await Promise.all(
        databases.map(async (db) => {
          if (!dryRun) await keepHouse({ db, bucket }, nowMs, options.statisticsDays);
          const blocks = await findDueBlocks(db, nowMs, days, maxBlocks + 1);
          return blocks.map((block) => ({ db, block }));
        }),
      )
    )
      .flat()
      .sort((a, b) => a.block.decidedMs - b.block.decidedMs || (a.block.blockKey < b.block.blockKey ? -1 : 1));
    let report = EMPTY_REPORT;
    for (const { db, block } of due.slice(0, maxBlocks)) {
      const others = databases.filter((other) => other !== db);
      const expired = await expireBlock({ db, bucket }, others, block, options);
      report = {
        intended: addCounts(report.intended, expired.intended),
        actual: addCounts(report.actual, expired.actual),
        keptTraces: report.keptTraces + expired.keptTraces,
        failedBlocks: expired.isFailed ? [...report.failedBlocks, block.blockKey] : report.failedBlocks,
        hasMore: report.hasMore,
      };
    }
    return { ...report, hasMore: due.length > maxBlocks };
  }

  /** Whether all rows of a period are in one database; only then a roll-up there is one of all of them. */
  async function periodsOfOne(lengthMs: number, fromMs: number, toMs: number): Promise<(startMs: number) => boolean> {
    if (databases.length === 1) return () => true;
    const stamped = await Promise.all(databases.map((db) => stampedIn(db, fromMs, toMs)));
    const owners = new Map<number, number>();
    const split = new Set<number>();
    for (const [owner, starts] of stamped.entries()) {
      for (const startMs of starts) {
        const period = startMs - (startMs % lengthMs);
        if ((owners.get(period) ?? owner) !== owner) split.add(period);
        owners.set(period, owner);
      }
    }
    return (startMs) => !split.has(startMs);
  }

  const store: Store = {
    async write(blockKey, parts) {
      if (parts.length === 0) return;
      checkBlockKey(blockKey);
      const grouped = groupParts(parts);
      const db = databaseAt(blockAge(grouped.map((part) => part.summary)).decidedMs);
      await onDatabases(blockKey, [db], () => writeBlock({ db, bucket }, blockKey, grouped));
    },
    get,
    getSince,
    search: (search) => onShelves((shelves) => searchRing(shelves, get, search)),
    count: (search) => onShelves((shelves) => countRing(shelves, get, search)),
    tally: (search, grid) => onShelves((shelves) => tallyRing(shelves, get, search, grid)),
    summaries: (traceIds) => onDatabases('', databases, () => readSummaries(databases, traceIds)),
    index: (nowMs) =>
      onDatabases('', databases, async () => {
        const reports: IndexReport[] = [];
        for (const db of databases) reports.push(await indexOne(db, nowMs));
        return {
          blocks: reports.reduce((sum, { blocks }) => sum + blocks, 0),
          segments: reports.reduce((sum, { segments }) => sum + segments, 0),
          hasMore: reports.some(({ hasMore }) => hasMore),
        };
      }),
    async expire(options) {
      checkDays(options.days);
      return onDatabases('', databases, () => expire(options));
    },
    hold: (traceId, untilMs) =>
      onDatabases(traceId, databases, async () => {
        for (const db of databases)
          await (untilMs === null ? letGoTrace(db, traceId) : holdTrace(db, traceId, untilMs));
      }),
    erase: (traceId, nowMs) =>
      onDatabases(traceId, databases, async () => {
        for (const db of databases) await buryTrace(db, traceId, nowMs);
        for (const db of databases) await scrubTrace({ db, bucket }, traceId, nowMs);
      }),
    export: (range) => exportTraces(store, range, MAX_EXPORT_BYTES),
    async writeStatistics(rows) {
      for (const [db, members] of Map.groupBy(rows, ({ minuteMs }) => databaseAt(minuteMs))) {
        await onDatabases('', [db], () => writeStatistics(db, members));
      }
    },
    async readStatistics(fromMs, toMs, page = {}) {
      const read = () => Promise.all(databases.map((db) => readStatistics(db, fromMs, toMs, page)));
      const rows = (await onDatabases('', databases, read)).flat();
      rows.sort((a, b) => a.minuteMs - b.minuteMs || compare(a.shard, b.shard) || b.version - a.version);
      // Where a database was added, versions of a row are in two.
      return rows.filter(
        ({ minuteMs, shard }, i) => rows[i - 1]?.minuteMs !== minuteMs || rows[i - 1]?.shard !== shard,
      );
    },
    findStaleRollUps: (lengthMs, fromMs, toMs, limit) =>
      onDatabases('', databases, async () => {
        const isWhole = await periodsOfOne(lengthMs, fromMs, toMs);
        const found = await Promise.all(databases.map((db) => findStaleRollUps(db, lengthMs, fromMs, toMs, limit)));
        const whole = found.flat().filter(({ startMs }) => isWhole(startMs));
        return whole.sort((a, b) => b.startMs - a.startMs).slice(0, limit);
      }),
    async writeRollUp(rollUp) {
      await onDatabases('', databases, async () => {
        // The stamp is only of the one that has the rows.
        for (const db of databases) await writeRollUp(db, rollUp);
      });
    },
    readRollUps: (lengthMs, fromMs, toMs, grain) =>
      onDatabases('', databases, async () => {
        const isWhole = await periodsOfOne(lengthMs, fromMs, toMs);
        const found = await Promise.all(databases.map((db) => readRollUps(db, lengthMs, fromMs, toMs, grain)));
        return found
          .flat()
          .filter(({ startMs }) => isWhole(startMs))
          .sort((a, b) => a.startMs - b.startMs);
      }),
  };
  return store;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** About a segment that is not there any more, or damaged. */
function isLostSegment(error: unknown): error is StoreError {
  return error instanceof StoreError && error.key.startsWith(SEGMENT_PREFIX) && error.fault !== 'unavailable';
}

const NO_COUNTS = { blocks: 0, traces: 0, bytes: 0 };
const EMPTY_REPORT: ExpireReport = {
  intended: NO_COUNTS,
  actual: NO_COUNTS,
  keptTraces: 0,
  failedBlocks: [],
  hasMore: false,
};

function addCounts(a: ExpireReport['actual'], b: ExpireReport['actual']): ExpireReport['actual'] {
  return { blocks: a.blocks + b.blocks, traces: a.traces + b.traces, bytes: a.bytes + b.bytes };
}
