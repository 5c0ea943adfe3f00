/**
 * What a shard has counted, as a fold over its log records: each bucket's share is kept apart and joins the base when
 * the bucket is dropped, so that a restart counts exactly what is still in the log again, and nothing twice.
 */

import { DECISION_REASONS, type DecisionReason } from '../model/reasons.ts';

export interface Counters {
  /** Spans in acknowledged slices. */
  receivedSpans: number;
  /** Of those, copies and further versions of spans that were already there. */
  mergedSpans: number;
  /** Spans and traces decided, by reason. A trace with late spans is decided again; `decidedTraces` counts it once. */
  decidedSpans: Record<DecisionReason, number>;
  decidedTraces: Record<DecisionReason, number>;
  /** Spans that a later decision turned from dropped to kept. */
  revisedSpans: number;
  /** Spans, parts of traces and blocks in the store. */
  storedSpans: number;
  storedParts: number;
  storedBlocks: number;
}

export function emptyCounters(): Counters {
  const zeros = () =>
    Object.fromEntries(DECISION_REASONS.map((reason) => [reason, 0])) as Record<DecisionReason, number>;
  return {
    receivedSpans: 0,
    mergedSpans: 0,
    decidedSpans: zeros(),
    decidedTraces: zeros(),
    revisedSpans: 0,
    storedSpans: 0,
    storedParts: 0,
    storedBlocks: 0,
  };
}

/** Adds `other` to `sum` in place. */
export function addCounters(sum: Counters, other: Counters): Counters {
  sum.receivedSpans += other.receivedSpans;
  sum.mergedSpans += other.mergedSpans;
  sum.revisedSpans += other.revisedSpans;
  sum.storedSpans += other.storedSpans;
  sum.storedParts += other.storedParts;
  sum.storedBlocks += other.storedBlocks;
  for (const reason of DECISION_REASONS) {
    sum.decidedSpans[reason] += other.decidedSpans[reason];
    sum.decidedTraces[reason] += other.decidedTraces[reason];
  }
  return sum;
}

/** Counters by bucket over a durable base. */
export class BucketCounters {
  private base: Counters;
  private readonly buckets = new Map<number, Counters>();

  constructor(base: Counters) {
    this.base = base;
  }

  /** The counters of what stands in `bucket`. */
  at(bucket: number): Counters {
    let counters = this.buckets.get(bucket);
    if (!counters) {
      counters = emptyCounters();
      this.buckets.set(bucket, counters);
    }
    return counters;
  }

  /** Moves a bucket's share into the base and returns the new base, to be made durable with the drop. */
  fold(bucket: number): Counters {
    this.base = addCounters(this.base, this.at(bucket));
    this.buckets.delete(bucket);
    return this.base;
  }

  total(): Counters {
    const sum = addCounters(emptyCounters(), this.base);
    for (const counters of this.buckets.values()) addCounters(sum, counters);
    return sum;
  }
}

/** The counters of all dropped buckets, as they were when the last one was dropped. */
export function readBase(sql: SqlStorage): Counters {
  sql.exec('CREATE TABLE IF NOT EXISTS counters (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT');
  const [row] = sql.exec<{ json: string }>('SELECT json FROM counters WHERE id = 1').toArray();
  return row ? addCounters(emptyCounters(), JSON.parse(row.json) as Counters) : emptyCounters();
}

export function writeBase(sql: SqlStorage, base: Counters): void {
  sql.exec(
    'INSERT INTO counters (id, json) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json',
    JSON.stringify(base),
  );
}
