/**
 * Which metrics queries the statistics of every trace can answer: they count spans by service, name, kind and whether they
 * failed, and durations by the first three.
 */

import { SPAN_KINDS, type Span } from '../../../model/span.ts';
import type { Grain } from '../../../model/statistics-sum.ts';
import type { Expression, Field, Metric, Query, Stage } from '../../../model/traceql/ast.ts';
import { compilePipeline, fieldsOf } from '../../../model/traceql/evaluate.ts';
import { fieldValue } from '../../../model/traceql/field-value.ts';
import { formatExpression, formatField, formatStage } from '../../../model/traceql/format.ts';
import { type TraceView, viewTrace } from '../../../model/traceql/trace-view.ts';
import type { Value } from '../../../model/traceql/value.ts';
import { badRequest } from './tempo-error.ts';

export interface Label {
  readonly name: string;
  readonly value: Value;
}

/** What is counted alike: spans of one operation and kind. */
export interface Counted {
  readonly service: string;
  readonly name: string;
  /** OTLP SpanKind, 0 to 5. */
  readonly kind: number;
}

export interface MetricPlan {
  readonly metric: Metric;
  /** Whether names of spans matter. */
  readonly grain: Grain;
  /** Of the spans that have failed, and of those that have not, whether the query is about them. */
  readonly partsOf: (counted: Counted) => { readonly failed: boolean; readonly others: boolean };
  readonly labelsOf: (counted: Counted) => readonly Label[];
}

const MEASURED = ['rate', 'count_over_time', 'quantile_over_time', 'histogram_over_time'] as const;

const SUPPORTED =
  'spans are counted by resource.service.name, name, kind and status = error, their durations by the first three';

/** Throws HttpError 400 for what they do not answer. */
export function planMetric({ stages, metric }: Query): MetricPlan {
  if (metric === null) throw badRequest('not a metrics query');
  if (!MEASURED.some((name) => name === metric.name)) {
    throw unsupported(`${metric.name}()`, `functions are ${MEASURED.join(', ')}`);
  }
  if (metric.of !== null && formatField(metric.of) !== 'duration') {
    throw unsupported(`${metric.name}(${formatField(metric.of)})`, SUPPORTED);
  }
  for (const stage of stages) checkStage(stage, metric.of !== null);
  for (const field of metric.by) {
    if (!isCounted(field)) throw unsupported(`by (${formatField(field)})`, SUPPORTED);
  }
  const run = compilePipeline(stages);
  const isOfNames = [...fieldsOf(stages), ...metric.by].some(
    ({ kind, name }) => kind === 'intrinsic' && name === 'name',
  );
  return {
    metric,
    grain: isOfNames ? 'operation' : 'service',
    partsOf: (counted) => ({
      failed: run(viewOf(counted, true)).length > 0,
      others: run(viewOf(counted, false)).length > 0,
    }),
    labelsOf: (counted) => {
      const view = viewOf(counted, false);
      return metric.by.map((field) => ({ name: formatField(field), value: fieldValue(field, view, 0) }));
    },
  };
}

function checkStage(stage: Stage, isOfDurations: boolean): void {
  if (stage.kind !== 'filter') throw unsupported(formatStage(stage), 'only filters may be before a metric');
  checkExpression(stage.expression, isOfDurations);
}

function checkExpression(expression: Expression, isOfDurations: boolean): void {
  switch (expression.kind) {
    case 'literal':
      return;
    case 'attribute':
    case 'intrinsic':
      if (!isCounted(expression)) throw unsupported(formatField(expression), SUPPORTED);
      return;
    case 'unary':
      checkExpression(expression.operand, isOfDurations);
      return;
    case 'binary': {
      const { left, right } = expression;
      const isOfFailure = [left, right].some(isStatus) && [left, right].some(isError);
      if (isOfFailure && !isOfDurations && (expression.operator === '=' || expression.operator === '!=')) return;
      if (isOfFailure) throw unsupported(`${formatExpression(expression)} with durations`, SUPPORTED);
      checkExpression(left, isOfDurations);
      checkExpression(right, isOfDurations);
    }
  }
}

function isCounted(field: Field): boolean {
  if (field.kind === 'intrinsic') return field.name === 'name' || field.name === 'kind';
  return field.name === 'service.name' && (field.scope === 'resource' || field.scope === 'none');
}

function isStatus(expression: Expression): boolean {
  return expression.kind === 'intrinsic' && expression.name === 'status';
}

function isError(expression: Expression): boolean {
  return expression.kind === 'literal' && expression.literal.type === 'status' && expression.literal.value === 'error';
}

/** A trace of one span that stands for all that are counted alike. */
function viewOf({ service, name, kind }: Counted, isFailed: boolean): TraceView {
  const span: Span = {
    traceId: '1'.padStart(32, '0'),
    spanId: '1'.padStart(16, '0'),
    name,
    kind: SPAN_KINDS[kind] ?? 'unspecified',
    startUs: 0,
    durationUs: 0,
    state: 'ended',
    status: { code: isFailed ? 'error' : 'unset' },
    attributes: {},
    events: [],
    links: [],
    resource: { attributes: { 'service.name': service } },
    scope: { name: '' },
  };
  return viewTrace([span]);
}

function unsupported(what: string, want: string) {
  return badRequest(`${what} not supported: ${want}`);
}
