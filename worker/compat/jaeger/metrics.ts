/**
 * Jaeger's service performance monitoring: rate, share of errors and quantiles of the duration, over a window that moves on by a step.
 * The metrics have the names that Jaeger gives them when it asks Prometheus (jaeger, `plugin/metrics/prometheus`).
 */

import { Histogram } from '../../../model/histogram.ts';
import { SPAN_KINDS, type SpanKind } from '../../../model/span.ts';
import type { Piece } from '../../../store/statistics-pieces.ts';

export interface MetricsQuery {
  readonly services: readonly string[];
  readonly kinds: readonly SpanKind[];
  readonly byOperation: boolean;
  /** A point is at each of these, in microseconds since the epoch, and about `windowUs` before it. */
  readonly pointsUs: readonly number[];
  readonly windowUs: number;
  /** Points are at multiples of it, as long as the window is. */
  readonly gridUs: number;
}

/** What a point says: calls a second; the share of them that failed; a quantile of their durations in milliseconds. */
export type Metric = { readonly of: 'calls' | 'errors' } | { readonly of: 'latencies'; readonly quantile: number };

export interface MetricFamily {
  readonly name: string;
  readonly type: 'GAUGE';
  readonly help: string;
  readonly metrics?: readonly {
    readonly labels: readonly { readonly name: string; readonly value: string }[];
    readonly metricPoints: readonly {
      readonly gaugeValue: { readonly doubleValue: number | 'NaN' };
      /** RFC 3339. */
      readonly timestamp: string;
    }[];
  }[];
}

interface Tally {
  errors: number;
  readonly durations: Histogram;
}

/** Adds up pieces of the statistics, none of which is about more than one part of the grid. */
export class MetricsSum {
  readonly #query: MetricsQuery;
  /** By names, then by where the part of the grid begins. */
  readonly #series = new Map<string, Map<number, Tally>>();

  constructor(query: MetricsQuery) {
    this.#query = query;
  }

  add({ row, startMs }: Pick<Piece, 'row' | 'startMs'>): void {
    const { services, kinds, byOperation, gridUs } = this.#query;
    const partUs = Math.floor((startMs * 1000) / gridUs) * gridUs;
    for (const cell of row.cells) {
      const { service, name } = row.operations[cell.operation]!;
      if (!services.includes(service) || !kinds.includes(SPAN_KINDS[cell.kind]!)) continue;
      const key = JSON.stringify(byOperation ? [service, name] : [service]);
      const parts = this.#series.get(key) ?? new Map<number, Tally>();
      this.#series.set(key, parts);
      const known = parts.get(partUs) ?? { errors: 0, durations: new Histogram() };
      parts.set(partUs, known);
      known.errors += cell.errors;
      known.durations.merge(cell.durations);
    }
  }

  /** One series for each service, or operation of it, that has a call, by names. */
  family(metric: Metric): MetricFamily {
    const series = [...this.#series].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      ...describe(metric, this.#query.byOperation),
      type: 'GAUGE',
      ...(series.length === 0 ? {} : { metrics: series.map(([key, parts]) => this.#metric(metric, key, parts)) }),
    };
  }

  #metric(metric: Metric, key: string, parts: ReadonlyMap<number, Tally>) {
    const [service, operation] = JSON.parse(key) as [string, string?];
    return {
      labels: [
        { name: 'service_name', value: service! },
        ...(operation === undefined ? [] : [{ name: 'operation', value: operation }]),
      ],
      metricPoints: pointsOf(metric, parts, this.#query),
    };
  }
}

function describe(metric: Metric, byOperation: boolean): { name: string; help: string } {
  const [name, help] = {
    calls: ['call_rate', 'calls/sec'] as const,
    errors: ['error_rate', 'error rate, computed as a fraction of errors/sec over calls/sec'] as const,
    latencies: [
      'latencies',
      metric.of === 'latencies' ? `${metric.quantile.toFixed(2)}th quantile latency` : '',
    ] as const,
  }[metric.of];
  return {
    name: `${byOperation ? 'service_operation' : 'service'}_${name}`,
    help: `${help}, grouped by service${byOperation ? ' & operation' : ''}`,
  };
}

/** The window takes in what it reaches and gives back what it leaves, so that each part counts twice, however many points there are. */
function pointsOf(metric: Metric, parts: ReadonlyMap<number, Tally>, { pointsUs, windowUs }: MetricsQuery) {
  const ascending = [...parts].sort(([a], [b]) => a - b);
  const durations = new Histogram();
  durations.coarsen(Math.min(...ascending.map(([, tally]) => tally.durations.scale)));
  let [errors, from, to] = [0, 0, 0];
  return pointsUs.map((atUs) => {
    for (; to < ascending.length && ascending[to]![0] < atUs; to++) {
      durations.merge(ascending[to]![1].durations);
      errors += ascending[to]![1].errors;
    }
    for (; from < to && ascending[from]![0] < atUs - windowUs; from++) {
      durations.subtract(ascending[from]![1].durations);
      errors -= ascending[from]![1].errors;
    }
    const value = measure(metric, durations, errors, windowUs);
    return {
      gaugeValue: { doubleValue: Number.isNaN(value) ? ('NaN' as const) : value },
      timestamp: new Date(atUs / 1000).toISOString(),
    };
  });
}

/** NaN where there are no calls to say it of, as Prometheus has it. */
function measure(metric: Metric, durations: Histogram, errors: number, windowUs: number): number {
  switch (metric.of) {
    case 'calls':
      return durations.count / (windowUs / 1e6);
    case 'errors':
      return durations.count === 0 ? Number.NaN : errors / durations.count;
    case 'latencies':
      return (durations.quantile(metric.quantile)?.estimateUs ?? Number.NaN) / 1000;
  }
}
