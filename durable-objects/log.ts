/**
 * The shard's durable log: append-only rows in a table for each bucket. A bucket closes at one minute or 64 MB; ten
 * minutes later it is dropped whole, which costs no row written. Reads are by place: bucket, row, range in the row.
 */

import { BUCKET_KEEP_MS, BUCKET_MAX_AGE_MS, BUCKET_MAX_BYTES, MAX_LOG_ROW_BYTES } from '../model/limits.ts';
import { LOG_ROW_VERSION } from './records.ts';

/** Where some bytes are in the log. */
export interface Place {
  readonly bucket: number;
  readonly row: number;
  readonly start: number;
  readonly end: number;
}

interface Bucket {
  readonly id: number;
  readonly openedMs: number;
  /** null while rows are still added. */
  closedMs: number | null;
  bytes: number;
}

/** Called for each row: as it is written, and again when it is replayed. */
export type ApplyRow = (row: Uint8Array, bucket: number, rowId: number) => void;

export class Log {
  private readonly sql: SqlStorage;
  private readonly apply: ApplyRow;
  private readonly buckets: Bucket[] = [];
  private nextRow = 1;
  /** No bucket was ever dropped. */
  private isComplete = true;

  /** Opens the log, creating its tables on first use; `replay` must come before anything is written. */
  constructor(sql: SqlStorage, apply: ApplyRow) {
    this.sql = sql;
    this.apply = apply;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS buckets (id INTEGER PRIMARY KEY, opened_ms REAL NOT NULL, closed_ms REAL) STRICT',
    );
  }

  /** Nothing that was written after this time, milliseconds since the epoch, has left the log. */
  get sinceMs(): number {
    return this.isComplete ? 0 : (this.buckets[0]?.openedMs ?? Number.POSITIVE_INFINITY);
  }

  /** Bytes in all rows. */
  get bytes(): number {
    return this.buckets.reduce((sum, bucket) => sum + bucket.bytes, 0);
  }

  /**
   * Applies every row in the order in which it was written. New rows get numbers above `lastRow` even when no row is
   * left: what was counted up to it must not be taken for counted again.
   */
  replay(lastRow: number): void {
    this.nextRow = lastRow + 1;
    this.isComplete = lastRow === 0;
    for (const { id, opened_ms, closed_ms } of this.sql
      .exec<{ id: number; opened_ms: number; closed_ms: number | null }>('SELECT * FROM buckets ORDER BY id')
      .toArray()) {
      const bucket: Bucket = { id, openedMs: opened_ms, closedMs: closed_ms, bytes: 0 };
      this.buckets.push(bucket);
      for (const { row, data } of this.sql.exec<{ row: number; data: ArrayBuffer }>(
        `SELECT row, data FROM log_${id} ORDER BY row`,
      )) {
        const bytes = new Uint8Array(data);
        bucket.bytes += bytes.length;
        this.nextRow = Math.max(this.nextRow, row + 1);
        this.apply(bytes, id, row);
      }
    }
  }

  /** Writes records as few rows as fit, and applies each row. Nothing is durable before the storage has synced. */
  write(records: readonly Uint8Array[], nowMs: number): void {
    let pending: Uint8Array[] = [];
    let length = 1;
    for (const record of records) {
      if (pending.length > 0 && length + record.length > MAX_LOG_ROW_BYTES) {
        this.writeRow(pending, length, nowMs);
        pending = [];
        length = 1;
      }
      pending.push(record);
      length += record.length;
    }
    if (pending.length > 0) this.writeRow(pending, length, nowMs);
  }

  read({ bucket, row, start, end }: Place): Uint8Array {
    const { part } = this.sql
      .exec<{ part: ArrayBuffer }>(
        `SELECT substr(data, ?, ?) AS part FROM log_${bucket} WHERE row = ?`,
        start + 1,
        end - start,
        row,
      )
      .one();
    return new Uint8Array(part);
  }

  /** Id of the newest bucket, 0 when there is none. */
  get lastBucket(): number {
    return this.buckets.at(-1)?.id ?? 0;
  }

  /** The oldest bucket if it is due to be dropped, or null. `overBudget` makes any closed bucket due. */
  dueBucket(nowMs: number, overBudget: boolean): { id: number; bytes: number; isExpired: boolean } | null {
    const oldest = this.buckets[0];
    if (oldest?.closedMs == null) return null;
    const isExpired = oldest.closedMs + BUCKET_KEEP_MS <= nowMs;
    return isExpired || overBudget ? { id: oldest.id, bytes: oldest.bytes, isExpired } : null;
  }

  /** When a bucket next has to be closed or dropped, in milliseconds since the epoch; null when the log is empty. */
  nextDueMs(): number | null {
    const oldest = this.buckets[0];
    if (!oldest) return null;
    return oldest.closedMs === null ? oldest.openedMs + BUCKET_MAX_AGE_MS : oldest.closedMs + BUCKET_KEEP_MS;
  }

  /** Drops a bucket with all its rows. What is still needed of it must have been carried forward before. */
  drop(id: number): void {
    this.isComplete = false;
    this.sql.exec(`DROP TABLE log_${id}`);
    this.sql.exec('DELETE FROM buckets WHERE id = ?', id);
    this.buckets.splice(
      this.buckets.findIndex((bucket) => bucket.id === id),
      1,
    );
  }

  /** Closes the current bucket when it is old or large enough, or when it has to make room. */
  rotate(nowMs: number, overBudget = false): void {
    const current = this.buckets.at(-1);
    if (!current || current.closedMs !== null) return;
    if (!overBudget && nowMs - current.openedMs < BUCKET_MAX_AGE_MS && current.bytes < BUCKET_MAX_BYTES) return;
    this.close(current, nowMs);
  }

  private close(bucket: Bucket, nowMs: number): void {
    bucket.closedMs = nowMs;
    this.sql.exec('UPDATE buckets SET closed_ms = ? WHERE id = ?', nowMs, bucket.id);
  }

  private writeRow(records: readonly Uint8Array[], length: number, nowMs: number): void {
    const row = new Uint8Array(length);
    row[0] = LOG_ROW_VERSION;
    let at = 1;
    for (const record of records) {
      row.set(record, at);
      at += record.length;
    }
    const bucket = this.currentBucket(nowMs);
    const rowId = this.nextRow++;
    this.sql.exec(`INSERT INTO log_${bucket.id} (row, data) VALUES (?, ?)`, rowId, row);
    bucket.bytes += length;
    this.apply(row, bucket.id, rowId);
  }

  private currentBucket(nowMs: number): Bucket {
    this.rotate(nowMs);
    const current = this.buckets.at(-1);
    if (current && current.closedMs === null) return current;
    const id = (current?.id ?? 0) + 1;
    this.sql.exec('INSERT INTO buckets (id, opened_ms) VALUES (?, ?)', id, nowMs);
    this.sql.exec(`CREATE TABLE log_${id} (row INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT`);
    const bucket: Bucket = { id, openedMs: nowMs, closedMs: null, bytes: 0 };
    this.buckets.push(bucket);
    return bucket;
  }
}
