/** What statistics are as the series of a metrics query. */

import { Histogram } from '../../../model/histogram.ts';
import { MAX_TEMPO_POINTS } from '../../../model/limits.ts';
import type { OperationCell } from '../../../model/statistics-row.ts';
import type { Metric } from '../../../model/traceql/ast.ts';
import type { Literal } from '../../../model/traceql/value.ts';
import type { Piece } from '../../../store/statistics-pieces.ts';
import type { Counted, Label, MetricPlan } from './metric-plan.ts';
import { badRequest } from './tempo-error.ts';

/** Whole minutes; the steps begin with the first. */
export interface Steps {
  readonly startUs: number;
  readonly endUs: number;
  readonly stepUs: number;
}

export interface Series {
  readonly labels: readonly Label[];
  /** One for each step; null where there is none. */
  readonly values: readonly (number | null)[];
}

class Tally {
  count = 0;
  /** Only what is asked about durations has them. */
  durations: Histogram | null = null;

  add({ errors, durations }: OperationCell, { failed, others }: Parts, isOfDurations: boolean): void {
    this.count += (failed ? errors : 0) + (others ? durations.count - errors : 0);
    if (!isOfDurations || !failed || !others) return;
    this.durations ??= new Histogram();
    this.durations.merge(durations);
  }
}

type Parts = ReturnType<MetricPlan['partsOf']>;

interface Group {
  readonly labels: readonly Label[];
  /** One for each step; absent where there is nothing. */
  readonly tallies: (Tally | undefined)[];
}

/** Adds up pieces of statistics, none of which is about more than one step. */
export class SeriesSum {
  readonly #plan: MetricPlan;
  readonly #steps: Steps;
  readonly #groups = new Map<string, Group>();
  /** null for what the query is not about. */
  readonly #known = new Map<string, { readonly parts: Parts; readonly group: Group } | null>();

  constructor(plan: MetricPlan, steps: Steps) {
    this.#plan = plan;
    this.#steps = steps;
    // As in Tempo what is not told apart is there though nothing is counted.
    if (plan.metric.by.length === 0) this.#groupOf([]);
  }

  /** Throws HttpError 400 for more series than there may be. */
  add({ row, startMs }: Pick<Piece, 'row' | 'startMs'>): void {
    const { startUs, stepUs } = this.#steps;
    const step = Math.floor((startMs * 1000 - startUs) / stepUs);
    const isOfDurations = this.#plan.metric.of !== null;
    for (const cell of row.cells) {
      const found = this.#lookUp({ ...row.operations[cell.operation]!, kind: cell.kind });
      if (found === null) continue;
      const { tallies } = found.group;
      tallies[step] ??= new Tally();
      tallies[step].add(cell, found.parts, isOfDurations);
    }
  }

  /** By their labels, in order; without those that have nothing. */
  series(): Series[] {
    const isWhole = this.#plan.metric.by.length === 0;
    const all = [...this.#groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, group]) => group)
      .filter(({ tallies }) => isWhole || tallies.some((tally) => (tally?.count ?? 0) > 0))
      .flatMap((group) => measure(group, this.#plan, this.#steps));
    return this.#plan.metric.limits
      .reduce(limitSeries, all)
      .filter(({ values }) => values.some((value) => value !== null));
  }

  #lookUp(counted: Counted) {
    const key = JSON.stringify([counted.service, counted.name, counted.kind]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const parts = this.#plan.partsOf(counted);
    const found = parts.failed || parts.others ? { parts, group: this.#groupOf(this.#plan.labelsOf(counted)) } : null;
    this.#known.set(key, found);
    return found;
  }

  #groupOf(labels: readonly Label[]): Group {
    const { startUs, endUs, stepUs } = this.#steps;
    const key = JSON.stringify(labels);
    const known = this.#groups.get(key);
    if (known) return known;
    const count = Math.ceil((endUs - startUs) / stepUs);
    if ((this.#groups.size + 1) * count > MAX_TEMPO_POINTS) {
      throw badRequest(`the query makes more than ${MAX_TEMPO_POINTS} points: group by less, or ask for a longer step`);
    }
    const group = { labels, tallies: new Array<Tally | undefined>(count).fill(undefined) };
    this.#groups.set(key, group);
    return group;
  }
}

function measure({ labels, tallies }: Group, { metric }: MetricPlan, { stepUs }: Steps): Series[] {
  switch (metric.name) {
    case 'rate':
      return [
        { labels: named(labels, metric.name), values: tallies.map((tally) => (tally?.count ?? 0) / (stepUs / 1e6)) },
      ];
    case 'quantile_over_time':
      return metric.quantiles.map((q) => ({
        labels: [...labels, label('p', { type: 'float', value: q })],
        values: tallies.map((tally) => inSeconds(tally?.durations?.quantile(q)?.estimateUs)),
      }));
    case 'histogram_over_time':
      return bucketsOf(tallies).map(([nanos, values]) => ({
        labels: [...labels, label('__bucket', { type: 'float', value: nanos / 1e9 })],
        values,
      }));
    default:
      return [{ labels: named(labels, metric.name), values: tallies.map((tally) => tally?.count ?? 0) }];
  }
}

/** Of each step the values of some series only: those with the most or the least, of equal ones the first. */
function limitSeries(series: readonly Series[], { name, count }: Metric['limits'][number]): Series[] {
  const sign = name === 'topk' ? -1 : 1;
  const kept = series.map(({ labels, values }) => ({ labels, values: values.map((): number | null => null) }));
  for (let step = 0; step < (series[0]?.values.length ?? 0); step++) {
    const ranked = [...series.keys()].filter((i) => series[i]!.values[step] !== null);
    ranked.sort((a, b) => sign * (series[a]!.values[step]! - series[b]!.values[step]!));
    for (const i of ranked.slice(0, count)) kept[i]!.values[step] = series[i]!.values[step]!;
  }
  return kept;
}

/** What is not told apart bears the name of the function. */
function named(labels: readonly Label[], name: string): readonly Label[] {
  return labels.length > 0 ? labels : [label('__name__', { type: 'string', value: name })];
}

function label(name: string, value: Literal): Label {
  return { name, value };
}

function inSeconds(us: number | undefined): number | null {
  return us === undefined ? null : us / 1e6;
}

/** Buckets whose upper ends are powers of two of nanoseconds, as Tempo has them, and how many fell in each by step. */
function bucketsOf(tallies: Group['tallies']): [nanos: number, values: (number | null)[]][] {
  const buckets = new Map<number, (number | null)[]>();
  for (const [step, tally] of tallies.entries()) {
    for (const { estimateUs, count } of tally?.durations?.buckets() ?? []) {
      const nanos = 2 ** Math.ceil(Math.log2(Math.max(2, estimateUs * 1000)));
      const values = buckets.get(nanos) ?? tallies.map(() => null);
      values[step] = (values[step] ?? 0) + count;
      buckets.set(nanos, values);
    }
  }
  return [...buckets].sort(([a], [b]) => a - b);
}
