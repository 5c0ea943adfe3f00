/**
 * A bounded sample of rejected spans. What an isolate tells of is one row, in a ring of rows: a flood costs one row written
 * every ten seconds, and pushes out what was there before.
 */

import { MAX_QUARANTINE_ROWS, MAX_SAMPLES_AT_ONCE, QUARANTINE_INTERVAL_MS } from '../model/limits.ts';
import type { RejectionReason } from '../model/reasons.ts';
import type { KeyClass } from './keys.ts';

export interface RejectedSpan {
  readonly reason: RejectionReason;
  /** Microseconds since the epoch. */
  readonly atUs: number;
  readonly protocol: string;
  /** Id of the key it came under, or name of the secret that is one; and its class. */
  readonly who: string;
  readonly class: KeyClass;
  /** Which span of its request it was, and what would have been right. */
  readonly message: string;
  /** The span's first bytes as OTLP protobuf, what is not printable as `\x0a`; null where it never became OTLP. */
  readonly bytes: string | null;
}

/** So many may come at once. */
const BURST_ROWS = 8;

/** `id` grows with time. */
export type QuarantinedSpan = RejectedSpan & { readonly id: number };

export class Quarantine {
  private readonly sql: SqlStorage;
  private next: number;
  /** Rows that may be written at once, and as of when. */
  private allowed = BURST_ROWS;
  private allowedMs = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    sql.exec(
      'CREATE TABLE IF NOT EXISTS quarantine (slot INTEGER PRIMARY KEY, number INTEGER NOT NULL, json TEXT NOT NULL) STRICT',
    );
    const { last } = sql.exec<{ last: number | null }>('SELECT max(number) AS last FROM quarantine').one();
    this.next = (last ?? -1) + 1;
  }

  /** Takes what one isolate has, unless too many others' were taken just before. */
  add(spans: readonly RejectedSpan[], nowMs: number): void {
    const passed = Math.max(0, nowMs - this.allowedMs) / QUARANTINE_INTERVAL_MS;
    this.allowed = Math.min(BURST_ROWS, this.allowed + passed);
    this.allowedMs = nowMs;
    if (spans.length === 0 || this.allowed < 1) return;
    this.allowed--;
    const number = this.next++;
    this.sql.exec(
      'INSERT OR REPLACE INTO quarantine (slot, number, json) VALUES (?, ?, ?)',
      number % MAX_QUARANTINE_ROWS,
      number,
      JSON.stringify(spans.slice(0, MAX_SAMPLES_AT_ONCE)),
    );
  }

  /** Newest first, those with an id less than `before`. */
  read(before: number | null, limit: number): QuarantinedSpan[] {
    const highest = before === null ? Number.MAX_SAFE_INTEGER : before;
    const found: QuarantinedSpan[] = [];
    const rows = this.sql.exec<{ number: number; json: string }>(
      'SELECT number, json FROM quarantine WHERE number <= ? ORDER BY number DESC',
      Math.floor(highest / MAX_SAMPLES_AT_ONCE),
    );
    for (const { number, json } of rows) {
      const spans = JSON.parse(json) as RejectedSpan[];
      for (let i = spans.length - 1; i >= 0 && found.length < limit; i--) {
        const id = number * MAX_SAMPLES_AT_ONCE + i;
        if (id < highest) found.push({ id, ...spans[i]! });
      }
      if (found.length >= limit) break;
    }
    return found;
  }
}
