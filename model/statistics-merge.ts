/**
 * What several shards counted, and several minutes, as one, readable. The bounds are those of sampling at the head; what
 * no head sampled is counted exactly. See `docs/statistics-format.md` for what they assume.
 */

import type { Histogram } from './histogram.ts';
import { SPAN_KINDS, type SpanKind } from './span.ts';
import { type Cell, decodeMinute, type MinuteRow } from './statistics-row.ts';
import { StatisticsSum } from './statistics-sum.ts';

/** Two-sided 95 % of a normal distribution. */
const Z_95 = 1.96;

/** A count; the truth lies from `low` to `high` in about 95 % of cases. All three are equal where it is exact. */
export interface Estimate {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

interface Measured {
  readonly count: Estimate;
  readonly errors: Estimate;
  /** Spans that were really seen. */
  readonly spans: number;
  /** Estimated sum of all durations. */
  readonly sumUs: number;
  readonly durations: Histogram;
  /** The last minute in which there was one, in minutes since the epoch. */
  readonly lastMinute: number;
}

export interface OperationStatistics extends Measured {
  readonly service: string;
  readonly operation: string;
  readonly kind: SpanKind;
}

/** Calls from one service to another; what is measured are the spans of the called one. */
export interface EdgeStatistics extends Measured {
  readonly parentService: string;
  readonly parentOperation: string;
  readonly childService: string;
  readonly childOperation: string;
  /** Durations as the calling side saw them, of calls whose parent is a client span. */
  readonly client: Histogram;
}

export interface Statistics {
  readonly operations: readonly OperationStatistics[];
  readonly edges: readonly EdgeStatistics[];
}

/** Sums rows of any shards and minutes; packed ones are decoded and throw `StatisticsRowError`. Sorted by names. */
export function mergeMinutes(rows: readonly (Uint8Array | MinuteRow)[]): Statistics {
  const sum = new StatisticsSum();
  for (const row of rows) sum.add(row instanceof Uint8Array ? decodeMinute(row) : row);
  return readSum(sum);
}

/** A sum as its readers see it, sorted by names. */
export function readSum(sum: StatisticsSum): Statistics {
  const { row, cellMinutes, edgeMinutes } = sum.toRow();
  return {
    operations: row.cells.map((cell, i) => {
      const { service, name: operation } = row.operations[cell.operation]!;
      return { service, operation, kind: SPAN_KINDS[cell.kind]!, ...measured(cell, cellMinutes[i]!) };
    }),
    edges: row.edges.map((edge, i) => {
      const { service: parentService, name: parentOperation } = row.operations[edge.parent]!;
      const { service: childService, name: childOperation } = row.operations[edge.child]!;
      const names = { parentService, parentOperation, childService, childOperation };
      return { ...names, ...measured(edge, edgeMinutes[i]!), client: edge.client };
    }),
  };
}

function measured(cell: Cell, lastMinute: number): Measured {
  return {
    // At least as many as were seen.
    count: estimate(cell.durations.count, cell.variance, cell.spans),
    errors: estimate(cell.errors, cell.errorVariance, 0),
    spans: cell.spans,
    sumUs: cell.sumUs,
    durations: cell.durations,
    lastMinute,
  };
}

/** The normal interval around an estimate of this variance. */
export function estimate(value: number, variance: number, least: number): Estimate {
  const margin = Z_95 * Math.sqrt(variance);
  return { estimate: value, low: Math.max(least, value - margin), high: value + margin };
}
