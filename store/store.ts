/**
 * Where kept traces live. One interface, two implementations (`d1-r2.ts`, `memory.ts`), one contract suite
 * (`test/contract/store.ts`) that both pass.
 */

import type { TraceSearch } from '../model/query/conditions.ts';
import type { TraceSummary } from '../model/span.ts';
import type { Grain } from '../model/statistics-sum.ts';
import type { RetentionDays } from './retention.ts';

/** One write's worth of a trace: all of it, or the spans that came after an earlier part was stored. */
export interface TracePart {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /**
   * A safe integer that grows with every part of a trace; of two summaries the one with the higher revision stands. Where
   * the earlier parts are not known any more it must still be higher than theirs, so take it from a clock.
   */
  readonly revision: number;
  /** OTLP `TracesData` bytes of this part alone. */
  readonly otlp: Uint8Array;
  /**
   * `whole`: `summary` describes the trace with all its parts. `part`: the earlier parts are not known any more, or it is
   * not known whether there are any; `summary` describes this part alone and the store adds it to what it has.
   */
  readonly covers: 'whole' | 'part';
  readonly summary: TraceSummary;
}

/** A trace as it is stored. */
export interface StoredTrace {
  readonly summary: TraceSummary;
  /** OTLP `TracesData` bytes: the parts one after the other, which is again one valid message. Spans may repeat. */
  readonly otlp: Uint8Array;
}

export interface VersionedTrace extends StoredTrace {
  /** 32 hex digits that are others as soon as a part of the trace has come or moved, or its summary has changed. */
  readonly version: string;
}

/** Where a trace stands in a list (`model/query/search-order.ts`). */
export interface SortKey {
  readonly startUs: number;
  readonly durationUs: number;
  readonly traceId: string;
}

/** A page of a search. */
export interface PageSearch extends TraceSearch {
  /** Only traces that sort after this key. */
  readonly after?: SortKey;
}

export interface StoreSearch extends PageSearch {
  /** Of the page before: traces that were stored since are left out, those that changed stand where they stood. */
  readonly snapshot?: string;
  /** Asked now and then: once it says so, what is found by then is answered. */
  readonly isOver: () => boolean;
}

export interface FoundTrace {
  /** Where it stood when the snapshot was taken. */
  readonly key: SortKey;
  /** As it is now. */
  readonly summary: TraceSummary;
}

export interface StorePage {
  /** At most `limit`, in the order of the search. */
  readonly traces: readonly FoundTrace[];
  /** Everything up to this key is in the page or was not found; null where nothing is left. */
  readonly reached: SortKey | null;
  /** It was over first: the page may be short, or empty. */
  readonly isCut: boolean;
  /** Opaque; good for `SNAPSHOT_MS`. */
  readonly snapshot: string;
}

export interface TraceCount {
  readonly count: number;
  /** False where traces may be missing in it, or counted that do not match any more. */
  readonly exact: boolean;
}

/** Traces by their start and duration. */
export interface TallyGrid {
  /** Ascending; column `i` is from `startsUs[i]` to before `startsUs[i + 1]`, the last one without an end. */
  readonly startsUs: readonly number[];
  /** Ascending, the first one 0; row `i` is from `durationsUs[i]` to before `durationsUs[i + 1]`, the last one without an end. */
  readonly durationsUs: readonly number[];
}

export interface Tally {
  /** `counts[column][row]` of the grid. */
  readonly counts: readonly (readonly number[])[];
  readonly exact: boolean;
}

export interface IndexReport {
  /** Blocks that are covered by a segment now, and segments that were written. */
  readonly blocks: number;
  readonly segments: number;
  /** There is more to do. */
  readonly hasMore: boolean;
}

/** One step of expiry. */
export interface ExpireOptions {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** How long each class stays, from the decision. */
  readonly days: RetentionDays;
  /** How long statistics stay, from their minute. */
  readonly statisticsDays: number;
  /** Blocks to look at in this step, the longest due first; each takes some ten calls of D1 and R2. */
  readonly maxBlocks: number;
  /** Count what would go, and change nothing. */
  readonly dryRun: boolean;
}

/** Whole blocks, or what is taken out of one; traces; their bytes as they are stored. */
export interface ExpireCounts {
  readonly blocks: number;
  readonly traces: number;
  readonly bytes: number;
}

export interface ExpireReport {
  /** What is due in the blocks of this step. */
  readonly intended: ExpireCounts;
  /** What went: less where a block failed, nothing in a dry run. */
  readonly actual: ExpireCounts;
  /** Traces in these blocks that stay: held, or in a longer class by another part. */
  readonly keptTraces: number;
  /** Blocks that could not be read; they are tried again a day later. */
  readonly failedBlocks: readonly string[];
  /** More blocks are due than this step looked at. */
  readonly hasMore: boolean;
}

/** What one shard counted in one minute. */
export interface StatisticsRow {
  readonly shard: string;
  /** When the minute began; milliseconds since the epoch. */
  readonly minuteMs: number;
  /** Of two rows of a shard's minute the one with the higher version stands. */
  readonly version: number;
  /** `model/statistics-row.ts`: at most `MAX_STATISTICS_ROW_BYTES`. */
  readonly data: Uint8Array;
  /** The same by service alone. Absent in rows of before, and in what is read. */
  readonly services?: Uint8Array;
}

/** What is read of rows, and how many of them. */
export interface StatisticsPage {
  /** By service where a row has that; else by operation, as without it. */
  readonly grain?: Grain;
  readonly limit?: number;
  /** Of the first minute only shards after this one. */
  readonly afterShard?: string;
}

/** A stretch of time that statistics are summed up over. */
export interface Period {
  readonly lengthMs: number;
  /** A multiple of `lengthMs`; milliseconds since the epoch. */
  readonly startMs: number;
  /** Grows whenever a row of the period is written. */
  readonly stamp: number;
}

/** The sum of all rows that a period had at this stamp. The bytes are `model/statistics-roll-up.ts`'s. */
export interface RollUp extends Period {
  readonly services: Uint8Array;
  /** null where there is more than can be stored. */
  readonly operations: Uint8Array | null;
}

export interface ReadRollUp {
  readonly startMs: number;
  readonly data: Uint8Array;
}

/** Every failure is a StoreError (`errors.ts`) that names the block or the trace; wrong arguments are RangeErrors. */
export interface Store {
  /**
   * Stores every part or fails; after a failure at any point the same call again completes it. Block keys are deterministic:
   * the same parts under the same key change nothing, other parts under it are a `block_conflict`. The parts of a failed
   * write may be visible already.
   */
  write(blockKey: string, parts: readonly TracePart[]): Promise<void>;
  /** The trace, its parts in order of revision, or null when it is not stored. */
  get(traceId: string): Promise<StoredTrace | null>;
  /** As `get`, but no bytes are read where the trace still is what it was in a version that the caller knows: then it is `unchanged`. */
  getSince(traceId: string, version: string | null): Promise<VersionedTrace | 'unchanged' | null>;
  /** A page of what matches. What a search means is `model/query/matches-search.ts`. @throws StoreError `snapshot_expired` too */
  search(search: StoreSearch): Promise<StorePage>;
  /** How many match, whatever the limit is. */
  count(search: StoreSearch): Promise<TraceCount>;
  /** How many match in each cell of a grid. */
  tally(search: StoreSearch, grid: TallyGrid): Promise<Tally>;
  /** Summaries of those traces that are stored, in any order. */
  summaries(traceIds: readonly string[]): Promise<TraceSummary[]>;
  /** A step of what makes searches fast: safe to leave out, to repeat, and to race with everything. */
  index(nowMs: number): Promise<IndexReport>;
  /**
   * Removes what is due, in steps: blocks that were decided longer ago than their class stays lose their traces, unless a
   * trace is held or another part of it has a longer class; those stay whole. Also completes what a crash interrupted.
   * Safe to repeat, and to race with writes.
   */
  expire(options: ExpireOptions): Promise<ExpireReport>;
  /** Keeps a trace, stored or not yet, from expiring until a time in milliseconds since the epoch; null lets it go. */
  hold(traceId: string, untilMs: number | null): Promise<void>;
  /**
   * Removes a trace and its bytes, whatever holds it. It is not found from the first step on, and the same call again
   * completes the rest. For `TOMBSTONE_DAYS` no write brings it back, neither an old one repeated nor a late part.
   */
  erase(traceId: string, nowMs: number): Promise<void>;
  /** The traces that began in the range, bounds included, newest first: OTLP `TracesData` messages of at most `MAX_EXPORT_BYTES`. */
  export(range: { readonly startUs: number; readonly endUs: number }): AsyncIterable<Uint8Array>;
  /** Writes rows where there is none of a version as high. Safe to repeat. */
  writeStatistics(rows: readonly StatisticsRow[]): Promise<void>;
  /** Rows of minutes from `fromMs` to before `toMs`, by minute, then shard. */
  readStatistics(fromMs: number, toMs: number, page?: StatisticsPage): Promise<StatisticsRow[]>;
  /**
   * Periods in the range that have rows and no roll-up of what these are now, the latest first. Lengths are multiples of
   * `ROLL_UP_LENGTHS_MS`' shortest.
   */
  findStaleRollUps(lengthMs: number, fromMs: number, toMs: number, limit: number): Promise<Period[]>;
  /** Does nothing where a row of the period was written since its stamp was read. */
  writeRollUp(rollUp: RollUp): Promise<void>;
  /** Roll-ups of periods that are whole in the range and have not changed since, the earliest first. */
  readRollUps(lengthMs: number, fromMs: number, toMs: number, grain: Grain): Promise<ReadRollUp[]>;
}
