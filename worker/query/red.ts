/** Rate, errors and durations of a window in steps: from the statistics of every trace, kept or not. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { Histogram } from '../../model/histogram.ts';
import { SPAN_KINDS, type SpanKind } from '../../model/span.ts';
import type { MinuteRow, OperationCell } from '../../model/statistics-row.ts';
import type { Piece } from '../../store/statistics-pieces.ts';
import type { Store } from '../../store/store.ts';
import { readStatistics } from './statistics.ts';
import type { Window } from './time-params.ts';

export interface RedQuery extends Window {
  /** A multiple of a minute; steps begin at its multiples, the first one with the window. */
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

/** Errors and durations of any cells. */
export class RedTally {
  errors = 0;
  readonly durations = new Histogram();

  add(cell: { readonly errors: number; readonly durations: Histogram }): void {
    this.errors += cell.errors;
    this.durations.merge(cell.durations);
  }

  get calls(): number {
    return this.durations.count;
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

/** What a service does for others: its calls, where it has any. */
export const SERVED: readonly SpanKind[] = ['server', 'consumer'];

/**
 * By names. A series is there where it has a call in the window. Where no kinds are asked for, a service's calls are its server
 * and consumer spans, and all its spans where it has none of those in the window: a page, for example.
 */
export async function readRed(env: Env, config: CurrentConfig, store: Store, query: RedQuery): Promise<RedSeries[]> {
  const all = new RedSum(query);
  const served = new RedSum({ ...query, kinds: SERVED });
  const isOfServices = query.by === 'service' && query.operation === undefined;
  const { startUs, endUs, stepUs } = query;
  const pieces = readStatistics(env, config, store, {
    startUs,
    endUs,
    grain: isOfServices ? 'service' : 'operation',
    // One step takes all there is, in whatever pieces.
    ...(stepUs < endUs - startUs ? { stepUs } : {}),
  });
  for await (const piece of pieces) {
    all.add(piece);
    if (query.by === 'service' && !query.kinds) served.add(piece);
  }
  const better = new Map(served.series().map((series) => [series.service, series]));
  return all.series().map((series) => better.get(series.service) ?? series);
}

/** Adds up pieces of the window, none of which is about more than one step. */
export class RedSum {
  readonly #query: RedQuery;
  readonly #found = new Map<string, { readonly names: Names; readonly tallies: readonly RedTally[] }>();

  constructor(query: RedQuery) {
    this.#query = query;
  }

  add({ row, startMs }: Pick<Piece, 'row' | 'startMs'>): void {
    const { startUs, endUs, stepUs } = this.#query;
    const step = Math.floor((startMs * 1000 - startUs) / stepUs);
    for (const cell of row.cells) {
      const names = namesOf(row, cell, this.#query);
      if (!names) continue;
      const key = JSON.stringify(Object.values(names));
      let series = this.#found.get(key);
      if (!series) {
        const tallies = Array.from({ length: Math.ceil((endUs - startUs) / stepUs) }, () => new RedTally());
        series = { names, tallies };
        this.#found.set(key, series);
      }
      series.tallies[step]!.add(cell);
    }
  }

  series(): RedSeries[] {
    const { startUs, endUs, stepUs } = this.#query;
    return [...this.#found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { names, tallies }]) => {
        const total = new RedTally();
        for (const tally of tallies) total.add(tally);
        const steps = tallies.map((tally, i) => {
          const fromUs = startUs + i * stepUs;
          return { startUs: fromUs, ...tally.red(Math.min(stepUs, endUs - fromUs)) };
        });
        return { ...names, total: total.red(endUs - startUs), steps };
      });
  }
}

type Names = Pick<RedSeries, 'service' | 'operation' | 'kind'>;

/** null for what the query is not about. */
function namesOf(row: MinuteRow, cell: OperationCell, { service, operation, kinds, by }: RedQuery): Names | null {
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
