/**
 * What several shards counted, and several minutes, as one, readable. The bounds are those of sampling at the head; what
 * no head sampled is counted exactly. See `docs/statistics-format.md` for what they assume.
 */

import { Histogram } from './histogram.ts';
import { SPAN_KINDS, type SpanKind } from './span.ts';
import { type Cell, decodeMinute, type MinuteRow } from './statistics-row.ts';

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

class Sum {
  spans = 0;
  errors = 0;
  variance = 0;
  errorVariance = 0;
  sumUs = 0;
  readonly durations = new Histogram();
  readonly client = new Histogram();

  add(cell: Cell): this {
    this.spans += cell.spans;
    this.errors += cell.errors;
    this.variance += cell.variance;
    this.errorVariance += cell.errorVariance;
    this.sumUs += cell.sumUs;
    this.durations.merge(cell.durations);
    return this;
  }

  measured(): Measured {
    return {
      // At least as many as were seen.
      count: estimate(this.durations.count, this.variance, this.spans),
      errors: estimate(this.errors, this.errorVariance, 0),
      spans: this.spans,
      sumUs: this.sumUs,
      durations: this.durations,
    };
  }
}

/** The normal interval around an estimate of this variance. */
export function estimate(value: number, variance: number, least: number): Estimate {
  const margin = Z_95 * Math.sqrt(variance);
  return { estimate: value, low: Math.max(least, value - margin), high: value + margin };
}

/** Sums rows of any shards and minutes; packed ones are decoded and throw `StatisticsRowError`. Sorted by names. */
export function mergeMinutes(rows: readonly (Uint8Array | MinuteRow)[]): Statistics {
  const operations = new Map<string, Omit<OperationStatistics, keyof Measured> & { readonly sum: Sum }>();
  const edges = new Map<string, Omit<EdgeStatistics, keyof Measured | 'client'> & { readonly sum: Sum }>();
  for (const given of rows) {
    const row = given instanceof Uint8Array ? decodeMinute(given) : given;
    for (const cell of row.cells) {
      const { service, name: operation } = row.operations[cell.operation]!;
      const kind = SPAN_KINDS[cell.kind]!;
      const key = keyOf(service, operation, kind);
      const known = operations.get(key) ?? { service, operation, kind, sum: new Sum() };
      known.sum.add(cell);
      operations.set(key, known);
    }
    for (const cell of row.edges) {
      const { service: parentService, name: parentOperation } = row.operations[cell.parent]!;
      const { service: childService, name: childOperation } = row.operations[cell.child]!;
      const key = keyOf(parentService, parentOperation, childService, childOperation);
      const known = edges.get(key) ?? {
        parentService,
        parentOperation,
        childService,
        childOperation,
        sum: new Sum(),
      };
      known.sum.add(cell).client.merge(cell.client);
      edges.set(key, known);
    }
  }
  return {
    operations: inOrder(operations).map(({ sum, ...names }) => ({ ...names, ...sum.measured() })),
    edges: inOrder(edges).map(({ sum, ...names }) => ({ ...names, ...sum.measured(), client: sum.client })),
  };
}

/** Different for different names, whatever is in them. */
function keyOf(...names: string[]): string {
  return JSON.stringify(names);
}

function inOrder<T>(byKey: ReadonlyMap<string, T>): T[] {
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
