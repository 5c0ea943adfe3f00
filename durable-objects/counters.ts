/**
 * What a shard has counted, as a fold over its log records. When a bucket is dropped the totals are made durable with
 * the log row they reach to; a restart starts from them and counts only the rows after it, so nothing counts twice.
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
  /** Kept spans that the store refuses for ever. */
  unstorableSpans: number;
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
    unstorableSpans: 0,
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
  sum.unstorableSpans += other.unstorableSpans;
  for (const reason of DECISION_REASONS) {
    // Totals that were stored before there was this reason do not have it.
    sum.decidedSpans[reason] += other.decidedSpans[reason] ?? 0;
    sum.decidedTraces[reason] += other.decidedTraces[reason] ?? 0;
  }
  return sum;
}

/** Totals, and the last log row that was in them when they were made durable. */
export interface CounterBase {
  readonly counters: Counters;
  readonly row: number;
}

/** The totals as they were when a bucket was last dropped. */
export function readBase(sql: SqlStorage): CounterBase {
  sql.exec('CREATE TABLE IF NOT EXISTS counters (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT');
  const [stored] = sql.exec<{ json: string }>('SELECT json FROM counters WHERE id = 1').toArray();
  const base = stored ? (JSON.parse(stored.json) as CounterBase) : { counters: emptyCounters(), row: 0 };
  return { counters: addCounters(emptyCounters(), base.counters), row: base.row };
}

export function writeBase(sql: SqlStorage, base: CounterBase): void {
  sql.exec(
    'INSERT INTO counters (id, json) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json',
    JSON.stringify(base),
  );
}
