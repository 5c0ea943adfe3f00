/** What a shard has counted, as a fold over its log records; a checkpoint carries the totals on. */

import { DECISION_REASONS, type DecisionReason } from '../model/reasons.ts';

export interface Counters {
  /** Spans in acknowledged slices. */
  receivedSpans: number;
  /** Of those, copies and further versions of spans that were already there, as far as that was noticed. */
  mergedSpans: number;
  /** Of those, spans of traces that had been decided and had left memory: not in the statistics, copies not noticed. */
  lateSpans: number;
  /** Spans and traces decided, by reason. A trace with late spans is decided again; `decidedTraces` counts it once. */
  decidedSpans: Record<DecisionReason, number>;
  decidedTraces: Record<DecisionReason, number>;
  /** Spans that a later decision turned from dropped to kept. */
  revisedSpans: number;
  /** Kept spans that were erased before they were stored. */
  erasedSpans: number;
  /** Spans, parts of traces and blocks in the store. */
  storedSpans: number;
  storedParts: number;
  storedBlocks: number;
  /** Kept spans that the store refuses for ever. */
  unstorableSpans: number;
}

const TOTALS = [
  'receivedSpans',
  'mergedSpans',
  'lateSpans',
  'revisedSpans',
  'erasedSpans',
  'storedSpans',
  'storedParts',
  'storedBlocks',
  'unstorableSpans',
] as const satisfies readonly (keyof Counters)[];

export function emptyCounters(): Counters {
  const zeros = () =>
    Object.fromEntries(DECISION_REASONS.map((reason) => [reason, 0])) as Record<DecisionReason, number>;
  const totals = Object.fromEntries(TOTALS.map((name) => [name, 0])) as Record<(typeof TOTALS)[number], number>;
  return { ...totals, decidedSpans: zeros(), decidedTraces: zeros() };
}

/** Adds `other` to `sum` in place; what an older version did not count is 0. */
export function addCounters(sum: Counters, other: Partial<Counters>): Counters {
  for (const name of TOTALS) sum[name] += other[name] ?? 0;
  for (const reason of DECISION_REASONS) {
    sum.decidedSpans[reason] += other.decidedSpans?.[reason] ?? 0;
    sum.decidedTraces[reason] += other.decidedTraces?.[reason] ?? 0;
  }
  return sum;
}
