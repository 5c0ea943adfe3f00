/**
 * The log and what follows from it: every record that is written is applied to memory at once, and a start brings
 * memory back from the last bucket. Buckets are begun, closed and dropped here, each in one transaction.
 */

import { addCosts, type Costs, emptyCosts } from '../model/costs.ts';
import { BUCKET_MAX_AGE_MS, BUCKET_MAX_BYTES, BUCKET_SPREAD_BYTES, MAX_LOG_ROW_BYTES } from '../model/limits.ts';
import { concatBytes } from '../model/slice-frame.ts';
import { encodeCheckpoint, restoreCheckpoint } from './checkpoint.ts';
import type { CostMeter } from './cost-meter.ts';
import { Decided } from './decided.ts';
import { Fold } from './fold.ts';
import { Gaps } from './gaps.ts';
import type { HeadCursor } from './head-cursor.ts';
import { LiveTraces } from './live-traces.ts';
import { Log, type Place } from './log.ts';
import { findInIndex, IndexBuilder } from './log-index.ts';
import { importV1 } from './log-v1.ts';
import { moveRecords } from './move.ts';
import {
  CHECKPOINT,
  COSTS,
  type DecideRecord,
  type EncodedRecord,
  encodeJsonRecord,
  encodeRecord,
  lengthOf,
  readDecisionAt,
  readJson,
  readRow,
} from './records.ts';
import { Statistics } from './statistics.ts';
import type { TraceWords } from './trace-words.ts';

const CHECKPOINT_PIECE_BYTES = MAX_LOG_ROW_BYTES - 1_024;
/** What the shard has cost is written into a row that is written anyway, this often at most. */
const COSTS_INTERVAL_MS = 1_000;

export interface JournalOptions {
  readonly sql: SqlStorage;
  readonly nowMs: number;
  /** Any 32-bit number that senders cannot know. */
  readonly seed: number;
  /** What the log may hold now. */
  readonly maxBytes: () => number;
  readonly meter: CostMeter;
  /** Runs the work as one transaction; when it throws, memory is not to be used any more. */
  readonly atomically: <T>(work: () => T) => T;
  /** Hears of every new pair of service and span name; true when it is a critical one. */
  readonly seen: (service: string, operation: string) => boolean;
  /** A slice of a live trace has come. */
  readonly appended: (live: LiveTraces, trace: number, nowMs: number) => void;
}

export class Journal {
  private readonly options: JournalOptions;
  readonly log: Log;
  readonly live: LiveTraces;
  readonly fold: Fold;
  readonly decided: Decided;
  readonly gaps = new Gaps();
  statistics = new Statistics();
  private readonly sliceIndex = new IndexBuilder();
  /** Rows were written since the last checkpoint. */
  private isDirty = false;
  private costsNotedMs = 0;
  readonly readSlice = (place: Place): Uint8Array => this.log.read(place);

  constructor(options: JournalOptions) {
    this.options = options;
    const { sql, nowMs, seed } = options;
    // Shards with the same load must not close their buckets all at the same time.
    this.log = new Log(sql, BUCKET_MAX_BYTES - (seed % BUCKET_SPREAD_BYTES));
    this.decided = new Decided(this.log, seed);
    this.live = new LiveTraces({
      seed,
      nowMs,
      readSlice: this.readSlice,
      findDecision: (id) => this.findDecision(id),
      sliceIndex: this.sliceIndex,
      seen: options.seen,
    });
    this.fold = new Fold({
      live: this.live,
      readSlice: this.readSlice,
      decided: (id, row, start, end) => this.decided.add(id[0], id[1], id[2], id[3], row, start, end),
      measure: (view, atMs) => this.statistics.add(view, atMs),
      learnGap: (operation, gapMs) => this.gaps.learn(operation, gapMs),
      appended: (trace, atMs) => options.appended(this.live, trace, atMs),
    });
    this.decided.load();
    this.replay();
    options.atomically(() => {
      if (importV1(sql, this, (atMs) => this.close(atMs))) this.begin(nowMs);
    });
  }

  /** Writes records and applies them. `heads` belong to the records that are appends, in the same places. */
  write(records: readonly EncodedRecord[], nowMs: number, heads: readonly (HeadCursor | null)[] = []): void {
    this.options.atomically(() => {
      if (!this.log.current) this.begin(nowMs);
      this.isDirty = true;
      const isNoteDue = Math.abs(nowMs - this.costsNotedMs) >= COSTS_INTERVAL_MS;
      this.log.write(isNoteDue ? [...records, this.costs(nowMs)] : records, (row, bucket, rowId, first) =>
        this.fold.applyRow(row, bucket, rowId, heads, first),
      );
      // Not before: places in the records must still be there.
      if (this.log.isRotationDue(nowMs)) this.rotate(nowMs);
    });
  }

  /** The last decision of a trace that has left memory, or null. */
  findDecision(id: TraceWords): DecideRecord | null {
    const place = this.decided.find(id[0], id[1], id[2], id[3]);
    if (!place) return null;
    return readDecisionAt(this.log.row(place), place.start, place.end);
  }

  /** Something of the trace is in memory, or was and is remembered. */
  knows(id: TraceWords): boolean {
    return this.live.traces.find(...id) !== -1 || this.decided.find(...id) !== null;
  }

  /** No record that was written by then, milliseconds since the epoch, is in the log any more. */
  isClearOf(ms: number): boolean {
    return this.log.buckets.every(({ openedMs, closedMs }) => openedMs > ms || (closedMs === null && !this.isDirty));
  }

  /** Every place where the log has slices of a trace, oldest first. */
  findSlices(id: TraceWords): Place[] {
    return this.log.buckets.flatMap((bucket) => {
      const found =
        bucket.closedMs === null
          ? this.sliceIndex.find(...id)
          : bucket.slicesRow === null
            ? []
            : findInIndex(this.log.indexReader(bucket.id, bucket.slicesRow), ...id);
      return found.map((range) => ({ bucket: bucket.id, ...range }));
    });
  }

  /** Every decision that was made after this time, milliseconds since the epoch, is remembered. */
  get rememberedSinceMs(): number {
    if (this.decided.evicted > 0) return Number.POSITIVE_INFINITY;
    const [oldest] = this.log.buckets;
    return oldest && oldest.id > 1 ? oldest.openedMs : 0;
  }

  /** Drops what is due, and begins a new bucket when the current one is old or large. */
  maintain(nowMs: number): void {
    this.options.atomically(() => this.dropDue(nowMs));
  }

  private dropDue(nowMs: number): void {
    const due = [...this.dueBuckets(nowMs)];
    if (
      this.isDirty ? due.length > 0 || this.log.isRotationDue(nowMs) : due.some(({ bucket }) => this.needs(bucket.id))
    ) {
      this.rotate(nowMs);
    } else {
      // The checkpoint is of after they were closed.
      for (const { bucket } of due) this.drop(bucket.id);
    }
  }

  /** Something that is not settled is in this bucket. */
  private needs(bucket: number): boolean {
    for (const trace of this.live.all()) {
      if (this.live.places(trace).some((place) => place.bucket === bucket)) return true;
    }
    return false;
  }

  private drop(bucket: number): void {
    this.log.drop(bucket);
    this.decided.drop(bucket);
  }

  /** Even dropping early has not made room: too much of the log is not settled. */
  get isFull(): boolean {
    return this.log.bytes >= this.options.maxBytes() + BUCKET_MAX_BYTES;
  }

  /** When `maintain` next has something to do, milliseconds since the epoch; null when nothing. */
  nextDueMs(): number | null {
    const closeMs = this.isDirty && this.log.current ? this.log.current.openedMs + BUCKET_MAX_AGE_MS : null;
    const dropMs = this.log.nextDropMs();
    return closeMs !== null && dropMs !== null ? Math.min(closeMs, dropMs) : (closeMs ?? dropMs);
  }

  /**
   * Moves what is not settled out of the buckets that are due, closes the current one, begins a new one with a
   * checkpoint, and drops those that are due. A crash leaves all of it or nothing: nothing awaits.
   */
  private rotate(nowMs: number): void {
    const dropped: number[] = [];
    for (const { bucket, isExpired } of this.dueBuckets(nowMs)) {
      const moved = moveRecords(this.live, bucket.id, this.readSlice);
      const movedBytes = moved.reduce((sum, record) => sum + lengthOf(record), 0);
      // Where most of a bucket would only be written again, nothing is gained by making room early.
      if (!isExpired && movedBytes > bucket.bytes / 2) break;
      if (moved.length > 0 && !this.log.current) this.begin(nowMs);
      this.log.write(moved, (row, id, rowId) => this.fold.applyRow(row, id, rowId));
      dropped.push(bucket.id);
    }
    this.close(nowMs);
    this.begin(nowMs);
    for (const id of dropped) this.drop(id);
  }

  /** Closed buckets to drop, oldest first: those that have expired, and as many as make room. */
  private *dueBuckets(nowMs: number) {
    let bytes = this.log.bytes;
    for (const bucket of this.log.buckets) {
      if (bucket.closedMs === null) return;
      const isExpired = this.log.isExpired(bucket, nowMs);
      if (!isExpired && bytes <= this.options.maxBytes()) return;
      bytes -= bucket.bytes;
      yield { bucket, isExpired };
    }
  }

  private begin(nowMs: number): void {
    this.log.begin(nowMs);
    this.decided.begin(this.log.current!.id);
    const parts = encodeCheckpoint(this.live, this.gaps, this.statistics.encodeState());
    const costs = this.costs(nowMs);
    // Piece by piece: all of them at once would be as large again.
    for (const piece of piecesOf(parts)) this.log.write([encodeRecord(CHECKPOINT, [piece]), costs], () => {});
    this.log.endCheckpoint();
    this.isDirty = false;
  }

  private close(nowMs: number): void {
    this.log.close(nowMs, this.decided.current, this.sliceIndex);
    this.sliceIndex.clear();
  }

  private costs(nowMs: number): EncodedRecord {
    this.costsNotedMs = nowMs;
    return encodeJsonRecord(COSTS, this.options.meter.totals());
  }

  private replay(): void {
    let pieces: Uint8Array[] | null = [];
    let costs: Costs | null = null;
    const restore = () => {
      if (!pieces) return;
      restoreCheckpoint(concatBytes(pieces), this.live, this.gaps, (state) => {
        this.statistics = Statistics.restore(state);
      });
      pieces = null;
    };
    this.log.replay((row, bucket, rowId) => {
      for (const { type, start, end } of readRow(row)) {
        if (type === CHECKPOINT) pieces?.push(row.subarray(start, end));
        if (type === COSTS) costs = addCosts(emptyCosts(), readJson<Partial<Costs>>(row, start, end));
      }
      if (costs) costs.object_rows_written++;
      if (readRow(row)[0]?.type === CHECKPOINT) return this.log.endCheckpoint();
      restore();
      this.isDirty = true;
      this.fold.applyRow(row, bucket, rowId);
    });
    if (this.log.current) restore();
    if (costs) this.options.meter.restore(costs);
  }
}

function* piecesOf(parts: readonly Uint8Array[]): Iterable<Uint8Array> {
  if (parts.reduce((sum, { length }) => sum + length, 0) <= CHECKPOINT_PIECE_BYTES) return yield concatBytes(parts);
  for (const part of parts) {
    for (let at = 0; at < part.length; at += CHECKPOINT_PIECE_BYTES) {
      yield part.subarray(at, at + CHECKPOINT_PIECE_BYTES);
    }
  }
}
