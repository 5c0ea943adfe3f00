/** Rate, errors and durations of a window in steps: from the statistics of every trace, kept or not. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { Histogram } from '../../model/histogram.ts';
import { SPAN_KINDS, type SpanKind } from '../../model/span.ts';
import type { MinuteRow, OperationCell } from '../../model/statistics-row.ts';
import type { Store } from '../../store/store.ts';
import { readStatistics } from './statistics.ts';
import type { Window } from './time-params.ts';

const MINUTE_US = 60_000_000;

export interface RedQuery extends Window {
  /** A multiple of a minute; the first step begins with the window. */
  readonly stepUs: number;
  /** Only of these, each where it is given. */
  readonly service?: string;
  readonly operation?: string;
  readonly kinds?: readonly SpanKind[];
  /** What is told apart, by names that are more and more exact. */
  readonly by: 'service' | 'operation' | 'kind';
}

/** Calls are estimates where the head sampled, else exact. Percentiles are null without calls, and known up to 4.4 %. */
export interface Red {
  readonly calls: number;
  /** Calls a second. */
  readonly rate: number;
  readonly errors: number;
  readonly p50Us: number | null;
  readonly p90Us: number | null;
  readonly p95Us: number | null;
  readonly p99Us: number | null;
}

export interface RedSeries {
  readonly service: string;
  /** null where operations, or kinds, are not told apart. */
  readonly operation: string | null;
  readonly kind: SpanKind | null;
  /** Of the whole window. */
  readonly total: Red;
  /** One for each step, the first one first. */
  readonly steps: readonly (Red & { readonly startUs: number })[];
}

/** Counts of one series and step. */
class Tally {
  errors = 0;
  readonly durations = new Histogram();

  add(cell: { readonly errors: number; readonly durations: Histogram }): void {
    this.errors += cell.errors;
    this.durations.merge(cell.durations);
  }

  red(lengthUs: number): Red {
    const { durations, errors } = this;
    const percentile = (q: number) => durations.quantile(q)?.estimateUs ?? null;
    return {
      calls: durations.count,
      rate: durations.count / (lengthUs / 1e6),
      errors,
      p50Us: percentile(0.5),
      p90Us: percentile(0.9),
      p95Us: percentile(0.95),
      p99Us: percentile(0.99),
    };
  }
}

/** By names. A series is there where it has a call in the window. */
export async function readRed(env: Env, config: CurrentConfig, store: Store, query: RedQuery): Promise<RedSeries[]> {
  return redOf(await readStatistics(env, config, store, query), query);
}

/** The series that rows of the window make. */
export function redOf(rows: readonly MinuteRow[], query: RedQuery): RedSeries[] {
  const { startUs, endUs, stepUs } = query;
  const count = Math.ceil((endUs - startUs) / stepUs);
  const found = new Map<string, { names: Pick<RedSeries, 'service' | 'operation' | 'kind'>; tallies: Tally[] }>();
  for (const row of rows) {
    const step = Math.floor((row.minute * MINUTE_US - startUs) / stepUs);
    for (const cell of row.cells) {
      const names = namesOf(row, cell, query);
      if (!names) continue;
      const key = JSON.stringify(Object.values(names));
      let series = found.get(key);
      if (!series) {
        series = { names, tallies: Array.from({ length: count }, () => new Tally()) };
        found.set(key, series);
      }
      series.tallies[step]!.add(cell);
    }
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { names, tallies }]) => {
      const total = new Tally();
      for (const tally of tallies) total.add(tally);
      const steps = tallies.map((tally, i) => {
        const fromUs = startUs + i * stepUs;
        return { startUs: fromUs, ...tally.red(Math.min(stepUs, endUs - fromUs)) };
      });
      return { ...names, total: total.red(endUs - startUs), steps };
    });
}

/** null for what the query is not about. */
function namesOf(row: MinuteRow, cell: OperationCell, { service, operation, kinds, by }: RedQuery) {
  const of = row.operations[cell.operation]!;
  const kind = SPAN_KINDS[cell.kind]!;
  if (service !== undefined && of.service !== service) return null;
  if (operation !== undefined && of.name !== operation) return null;
  if (kinds && !kinds.includes(kind)) return null;
  return {
    service: of.service,
    operation: by === 'service' ? null : of.name,
    kind: by === 'kind' ? kind : null,
  };
}
