/**
 * The shard's durable log: append-only rows in a table for each bucket. A bucket begins with a checkpoint of all that
 * the shard holds in memory, so that a start reads the last bucket alone; it ends with an index of its traces; ten
 * minutes after it was closed it is dropped whole, which costs no row written. Reads are by place: bucket, row, range.
 */

import { BUCKET_KEEP_MS, BUCKET_MAX_AGE_MS, MAX_LOG_ROW_BYTES } from '../model/limits.ts';
import type { IndexBuilder, ReadRange } from './log-index.ts';
import { type EncodedRecord, LOG_ROW_VERSION, lengthOf } from './records.ts';

/** Where some bytes are in the log. */
export interface Place {
  readonly bucket: number;
  readonly row: number;
  readonly start: number;
  readonly end: number;
}

export interface Bucket {
  readonly id: number;
  readonly openedMs: number;
  /** null while rows are still added. */
  closedMs: number | null;
  bytes: number;
  /** First row of the index of decisions, and of that of slices; null where there is none. */
  decisionsRow: number | null;
  slicesRow: number | null;
}

/** Called for each row: as it is written, and again when it is replayed. The row's bytes are there only until it returns. */
export type ApplyRow = (row: Uint8Array, bucket: number, rowId: number) => void;

type BucketRow = {
  id: number;
  opened_ms: number;
  closed_ms: number | null;
  bytes: number;
  decisions_row: number | null;
  slices_row: number | null;
};

/** Rows that are kept after reading: what one block needs lies in a few of them. */
const MAX_CACHED_ROWS = 8;

export class Log {
  private readonly sql: SqlStorage;
  private readonly bucketBytes: number;
  /** Oldest first; only the last one may be open. */
  readonly buckets: Bucket[] = [];
  private nextRow = 1;
  private totalBytes = 0;
  /** Of the current bucket's bytes, those it began with. */
  private checkpointBytes = 0;
  private readonly cache = new Map<string, Uint8Array>();

  /**
   * Opens the log, creating its tables on first use; `replay` must come before anything is written. A bucket is large enough
   * to be closed with so many bytes.
   */
  constructor(sql: SqlStorage, bucketBytes: number) {
    this.sql = sql;
    this.bucketBytes = bucketBytes;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS log_buckets (id INTEGER PRIMARY KEY, opened_ms REAL NOT NULL, closed_ms REAL,
       bytes INTEGER NOT NULL DEFAULT 0, decisions_row INTEGER, slices_row INTEGER) STRICT`,
    );
    for (const row of sql.exec<BucketRow>('SELECT * FROM log_buckets ORDER BY id')) {
      this.buckets.push({
        id: row.id,
        openedMs: row.opened_ms,
        closedMs: row.closed_ms,
        bytes: row.bytes,
        decisionsRow: row.decisions_row,
        slicesRow: row.slices_row,
      });
      this.totalBytes += row.bytes;
    }
  }

  /** Bytes in all rows. */
  get bytes(): number {
    return this.totalBytes;
  }

  /** The bucket that rows are added to, if there is one. */
  get current(): Bucket | null {
    const last = this.buckets.at(-1);
    return last && last.closedMs === null ? last : null;
  }

  /** Applies every row of the last bucket in the order in which it was written; its first ones are the checkpoint. */
  replay(apply: ApplyRow): void {
    const { current } = this;
    if (!current) return;
    this.forEachRow(current.id, (row, rowId) => {
      this.nextRow = rowId + 1;
      this.addBytes(current, row.length);
      apply(row, current.id, rowId);
    });
  }

  forEachRow(bucket: number, visit: (row: Uint8Array, rowId: number) => void): void {
    for (const { row, data } of this.sql.exec<{ row: number; data: ArrayBuffer }>(
      `SELECT row, data FROM log_${bucket} ORDER BY row`,
    )) {
      visit(new Uint8Array(data), row);
    }
  }

  /** The rows with records, from the last one on; without the index that a closed bucket ends with. */
  *rowsNewestFirst({ id, decisionsRow, slicesRow }: Bucket): Iterable<{ row: Uint8Array; rowId: number }> {
    const end = Math.min(decisionsRow ?? Number.MAX_SAFE_INTEGER, slicesRow ?? Number.MAX_SAFE_INTEGER);
    for (const { row, data } of this.sql.exec<{ row: number; data: ArrayBuffer }>(
      `SELECT row, data FROM log_${id} WHERE row < ? ORDER BY row DESC`,
      end,
    )) {
      yield { row: new Uint8Array(data), rowId: row };
    }
  }

  /** Takes over the table of a bucket that version 1 wrote, as the current one. */
  adopt(id: number, openedMs: number): void {
    this.sql.exec('INSERT INTO log_buckets (id, opened_ms) VALUES (?, ?)', id, openedMs);
    const bucket: Bucket = { id, openedMs, closedMs: null, bytes: 0, decisionsRow: null, slicesRow: null };
    this.buckets.push(bucket);
    this.nextRow = 1;
    this.forEachRow(id, (row, rowId) => {
      this.nextRow = rowId + 1;
      this.addBytes(bucket, row.length);
    });
  }

  /** Begins a new bucket; there must be none that is open. */
  begin(nowMs: number): void {
    const id = (this.buckets.at(-1)?.id ?? 0) + 1;
    this.sql.exec('INSERT INTO log_buckets (id, opened_ms) VALUES (?, ?)', id, nowMs);
    this.sql.exec(`CREATE TABLE log_${id} (row INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT`);
    this.buckets.push({ id, openedMs: nowMs, closedMs: null, bytes: 0, decisionsRow: null, slicesRow: null });
    this.nextRow = 1;
  }

  /** Writes the indexes after the last row of the current bucket, and closes it. */
  close(nowMs: number, decisions: IndexBuilder, slices: IndexBuilder): void {
    const bucket = this.current;
    if (!bucket) return;
    bucket.decisionsRow = this.writeIndex(bucket, decisions);
    bucket.slicesRow = this.writeIndex(bucket, slices);
    bucket.closedMs = nowMs;
    this.sql.exec(
      'UPDATE log_buckets SET closed_ms = ?, bytes = ?, decisions_row = ?, slices_row = ? WHERE id = ?',
      nowMs,
      bucket.bytes,
      bucket.decisionsRow,
      bucket.slicesRow,
      bucket.id,
    );
  }

  /**
   * Writes records into the current bucket, as few rows as fit, and calls back with each row and the numbers of the
   * records in it. Nothing is durable before the storage has synced.
   */
  write(
    records: readonly EncodedRecord[],
    apply: (row: Uint8Array, bucket: number, rowId: number, first: number) => void,
  ): void {
    let first = 0;
    let length = 1;
    for (let i = 0; i <= records.length; i++) {
      const nextLength = i < records.length ? lengthOf(records[i]!) : Number.POSITIVE_INFINITY;
      if (i > first && length + nextLength > MAX_LOG_ROW_BYTES) {
        const bucket = this.current!;
        const row = fillRow(records, first, i, length);
        apply(row, bucket.id, this.insert(bucket, row), first);
        first = i;
        length = 1;
      }
      length += nextLength;
    }
  }

  read(place: Place): Uint8Array {
    return this.row(place).subarray(place.start, place.end);
  }

  /** Reads a bucket's index that begins in row `first`. */
  indexReader(bucket: number, first: number): ReadRange {
    return (start, end) => {
      const bytes = new Uint8Array(end - start);
      for (let at = start; at < end; ) {
        const row = Math.floor(at / MAX_LOG_ROW_BYTES);
        const from = at - row * MAX_LOG_ROW_BYTES;
        const to = Math.min(MAX_LOG_ROW_BYTES, end - row * MAX_LOG_ROW_BYTES);
        const { part } = this.sql
          .exec<{ part: ArrayBuffer }>(
            `SELECT substr(data, ?, ?) AS part FROM log_${bucket} WHERE row = ?`,
            from + 1,
            to - from,
            first + row,
          )
          .one();
        bytes.set(new Uint8Array(part), at - start);
        at += to - from;
      }
      return bytes;
    };
  }

  /** A closed bucket has been kept for long enough. */
  isExpired({ closedMs }: Bucket, nowMs: number): boolean {
    return closedMs !== null && closedMs + BUCKET_KEEP_MS <= nowMs;
  }

  /** The current bucket is old or large enough to be closed. */
  isRotationDue(nowMs: number): boolean {
    const { current } = this;
    if (!current) return false;
    return nowMs - current.openedMs >= BUCKET_MAX_AGE_MS || current.bytes - this.checkpointBytes >= this.bucketBytes;
  }

  /** To be called when the rows of the current bucket so far are its checkpoint. */
  endCheckpoint(): void {
    this.checkpointBytes = this.current?.bytes ?? 0;
  }

  /** When a closed bucket next has to be dropped, in milliseconds since the epoch; null when there is none. */
  nextDropMs(): number | null {
    const closedMs = this.buckets[0]?.closedMs;
    return closedMs == null ? null : closedMs + BUCKET_KEEP_MS;
  }

  /** Drops a bucket with all its rows. What is still needed of it must have been moved before. */
  drop(id: number): void {
    this.sql.exec(`DROP TABLE log_${id}`);
    this.sql.exec('DELETE FROM log_buckets WHERE id = ?', id);
    const [dropped] = this.buckets.splice(
      this.buckets.findIndex((bucket) => bucket.id === id),
      1,
    );
    this.totalBytes -= dropped!.bytes;
    this.cache.clear();
  }

  /** The whole row of a place. */
  row({ bucket, row }: Place): Uint8Array {
    const key = `${bucket}:${row}`;
    let data = this.cache.get(key);
    if (data) return data;
    const found = this.sql.exec<{ data: ArrayBuffer }>(`SELECT data FROM log_${bucket} WHERE row = ?`, row).one();
    data = new Uint8Array(found.data);
    if (this.cache.size >= MAX_CACHED_ROWS) this.cache.delete(this.cache.keys().next().value!);
    this.cache.set(key, data);
    return data;
  }

  /** Its first row; null when there is nothing in it. */
  private writeIndex(bucket: Bucket, index: IndexBuilder): number | null {
    if (index.count === 0) return null;
    const bytes = index.encode();
    const first = this.nextRow;
    for (let at = 0; at < bytes.length; at += MAX_LOG_ROW_BYTES) {
      this.insert(bucket, bytes.subarray(at, at + MAX_LOG_ROW_BYTES));
    }
    return first;
  }

  private insert(bucket: Bucket, row: Uint8Array): number {
    const rowId = this.nextRow++;
    this.sql.exec(`INSERT INTO log_${bucket.id} (row, data) VALUES (?, ?)`, rowId, row);
    this.addBytes(bucket, row.length);
    return rowId;
  }

  private addBytes(bucket: Bucket, bytes: number): void {
    bucket.bytes += bytes;
    this.totalBytes += bytes;
  }
}

/** Rows are made here. Nothing awaits while one is in use, so all shards of an isolate use the same. */
let rowBuffer = new Uint8Array(MAX_LOG_ROW_BYTES);

/** The row with records `from` to `to` - 1, which has so many bytes. */
function fillRow(records: readonly EncodedRecord[], from: number, to: number, length: number): Uint8Array {
  if (length > rowBuffer.length) rowBuffer = new Uint8Array(length);
  const row = rowBuffer.subarray(0, length);
  row[0] = LOG_ROW_VERSION;
  let at = 1;
  for (let i = from; i < to; i++) {
    for (const piece of records[i]!) {
      row.set(piece, at);
      at += piece.length;
    }
  }
  return row;
}
