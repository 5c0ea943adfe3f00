/** TraceQL metrics, from the statistics of every trace, kept or not: as `tempopb.QueryRangeResponse`, in protobuf's JSON. */

import type { Context } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { formatValue } from '../../../model/traceql/value.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { readStatistics } from '../../query/statistics.ts';
import { parseMetricQuery, parseOneStep, parseSteps } from './metric-params.ts';
import { type Label, type MetricPlan, planMetric } from './metric-plan.ts';
import { type Series, SeriesSum, type Steps } from './metric-series.ts';
import type { Params } from './params.ts';
import { anyValue } from './search-answer.ts';

type C = Context<{ Bindings: Env }>;

const METRICS = { completedJobs: 1, totalJobs: 1 };

/** The answer of `/api/metrics/query_range`. Throws HttpError 400. */
export async function queryRange(c: C, deps: RouteDeps, params: Params) {
  const plan = planMetric(parseMetricQuery(params));
  const steps = parseSteps(params, deps.now(), plan.grain);
  const { startUs, stepUs } = steps;
  const series = (await readSeries(c, deps, plan, steps, stepUs)).map(({ labels, values }) => ({
    ...describe(labels),
    samples: values.flatMap((value, i) =>
      value === null ? [] : [{ timestampMs: String((startUs + i * stepUs) / 1000), value }],
    ),
  }));
  return { series, metrics: METRICS };
}

/** The answer of `/api/metrics/query`: the whole range as one value. */
export async function queryInstant(c: C, deps: RouteDeps, params: Params) {
  const plan = planMetric(parseMetricQuery(params));
  const found = await readSeries(c, deps, plan, parseOneStep(params, deps.now()));
  const series = found.flatMap(({ labels, values: [value] }) =>
    value == null ? [] : [{ ...describe(labels), value }],
  );
  return { series, metrics: METRICS };
}

/** @param stepUs where there are several steps */
async function readSeries(c: C, deps: RouteDeps, plan: MetricPlan, steps: Steps, stepUs?: number): Promise<Series[]> {
  const { startUs, endUs } = steps;
  const { grain } = plan;
  const query = { startUs, endUs, grain, ...(stepUs === undefined ? {} : { stepUs }) };
  const sum = new SeriesSum(plan, steps);
  for await (const piece of readStatistics(c.env, await deps.config(c), deps.store(c.env), query)) sum.add(piece);
  return sum.series();
}

function describe(labels: readonly Label[]) {
  const texts = labels.map(({ name, value }) => `${name}=${JSON.stringify(formatValue(value))}`).sort();
  return {
    labels: labels.map(({ name, value }) => ({
      key: name,
      value: value.type === 'other' || value.type === 'many' ? { stringValue: 'nil' } : anyValue(value),
    })),
    promLabels: `{${texts.join(', ')}}`,
  };
}
