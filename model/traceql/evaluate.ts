/** What a query finds in one trace. */

import type { Aggregate, Expression, Field, Stage } from './ast.ts';
import { compareValues, compileExpression, isTrue } from './compile-expression.ts';
import { formatAggregate, formatStage } from './format.ts';
import { mergeRows, relate } from './relate.ts';
import type { TraceView } from './trace-view.ts';
import { formatValue, isNumeric, type Literal, type Value } from './value.ts';

/** Spans that belong together. */
export interface Spanset {
  /** Rows of the trace's tree, ascending, at least one. */
  readonly rows: readonly number[];
  /** What was worked out of them: groups and aggregates. */
  readonly attributes: readonly (readonly [name: string, value: Value])[];
}

type Step = (trace: TraceView, spansets: readonly Spanset[]) => Spanset[];

/** Makes a function of a pipeline: the spansets of a trace, none where it does not match. */
export function compilePipeline(stages: readonly Stage[]): (trace: TraceView) => Spanset[] {
  const run = chain(stages);
  return (trace) => {
    const rows = Array.from(trace.tree.spans, (_, row) => row);
    return rows.length === 0 ? [] : run(trace, [{ rows, attributes: [] }]);
  };
}

/** Attributes and intrinsics that a query names, once each: what its answer tells of each span. */
export function fieldsOf(stages: readonly Stage[]): Field[] {
  const fields = new Map<string, Field>();
  const add = (expression: Expression): void => {
    if (expression.kind === 'binary') [expression.left, expression.right].forEach(add);
    else if (expression.kind === 'unary') add(expression.operand);
    else if (expression.kind !== 'literal') fields.set(JSON.stringify(expression), expression);
  };
  const addStage = (stage: Stage): void => {
    if (stage.kind === 'filter') add(stage.expression);
    else if (stage.kind === 'operation') [stage.left, stage.right].forEach(addStage);
    else if (stage.kind === 'pipeline') stage.stages.forEach(addStage);
    else if (stage.kind === 'scalar') {
      for (const side of [stage.left, stage.right]) if (side.kind === 'aggregate' && side.of !== null) add(side.of);
    } else if (stage.kind === 'group') add(stage.by);
    else if (stage.kind === 'select') stage.fields.forEach(add);
  };
  stages.forEach(addStage);
  return [...fields.values()];
}

function chain(stages: readonly Stage[]): Step {
  const steps = stages.map(compileStage);
  return (trace, spansets) => steps.reduce((found, step) => step(trace, found), [...spansets]);
}

function compileStage(stage: Stage): Step {
  switch (stage.kind) {
    case 'filter': {
      const holds = compileExpression(stage.expression);
      return mapRows((trace, rows) => rows.filter((row) => isTrue(holds(trace, row))));
    }
    case 'operation':
      return compileOperation(stage);
    case 'pipeline':
      return chain(stage.stages);
    case 'scalar':
      return compileScalarFilter(stage);
    case 'group':
      return compileGroup(stage);
    case 'coalesce':
      return (_, spansets) =>
        spansets.length === 0
          ? []
          : [
              {
                rows: mergeRows(
                  spansets.flatMap(({ rows }) => rows),
                  [],
                ),
                attributes: [],
              },
            ];
    case 'select':
      return (_, spansets) => [...spansets];
  }
}

/** Of each spanset some rows; without any it is gone. */
function mapRows(choose: (trace: TraceView, rows: readonly number[]) => number[]): Step {
  return (trace, spansets) =>
    spansets.flatMap((spanset) => {
      const rows = choose(trace, spanset.rows);
      return rows.length === 0 ? [] : [{ ...spanset, rows }];
    });
}

function compileOperation({ left, operator, right }: Extract<Stage, { kind: 'operation' }>): Step {
  const runLeft = compileStage(left);
  const runRight = compileStage(right);
  return (trace, spansets) =>
    spansets.flatMap((spanset) => {
      const a = mergeRows(
        runLeft(trace, [spanset]).flatMap(({ rows }) => rows),
        [],
      );
      const b = mergeRows(
        runRight(trace, [spanset]).flatMap(({ rows }) => rows),
        [],
      );
      const rows = operator === '&&' || operator === '||' ? join(a, operator, b) : relate(trace.tree, a, operator, b);
      return rows.length === 0 ? [] : [{ ...spanset, rows }];
    });
}

function join(a: readonly number[], operator: '&&' | '||', b: readonly number[]): number[] {
  return operator === '&&' && (a.length === 0 || b.length === 0) ? [] : mergeRows(a, b);
}

function compileScalarFilter({ left, operator, right }: Extract<Stage, { kind: 'scalar' }>): Step {
  const measureLeft = compileAggregate(left);
  const measureRight = right.kind === 'literal' ? () => right.literal : compileAggregate(right);
  const name = formatAggregate(left);
  return (trace, spansets) =>
    spansets.flatMap(({ rows, attributes }) => {
      const value = measureLeft(trace, rows);
      const than = measureRight(trace, rows);
      const passes = value !== null && than !== null && compareValues(value, operator, than);
      return passes ? [{ rows, attributes: [...attributes, [name, value] as const] }] : [];
    });
}

/** null where no span has a number. */
function compileAggregate({ name, of }: Aggregate): (trace: TraceView, rows: readonly number[]) => Literal | null {
  if (of === null) return (_, rows) => ({ type: 'int', value: rows.length });
  const measure = compileExpression(of);
  return (trace, rows) => {
    const values = rows.map((row) => measure(trace, row)).filter(isNumeric);
    const first = values[0];
    if (first === undefined) return null;
    const numbers = values.map(({ value }) => value);
    return { type: name === 'avg' && first.type === 'int' ? 'float' : first.type, value: REDUCE[name](numbers) };
  };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

const REDUCE: Readonly<Record<Aggregate['name'], (numbers: readonly number[]) => number>> = {
  count: (numbers) => numbers.length,
  avg: (numbers) => sum(numbers) / numbers.length,
  sum,
  min: (numbers) => numbers.reduce((least, number) => Math.min(least, number)),
  max: (numbers) => numbers.reduce((most, number) => Math.max(most, number)),
};

function compileGroup(stage: Extract<Stage, { kind: 'group' }>): Step {
  const grouped = compileExpression(stage.by);
  const name = formatStage(stage);
  return (trace, spansets) =>
    spansets.flatMap(({ rows, attributes }) => {
      const groups = new Map<string, { rows: number[]; value: Value }>();
      for (const row of rows) {
        const value = grouped(trace, row);
        const key = `${value.type} ${formatValue(value)}`;
        const group = groups.get(key);
        if (group) group.rows.push(row);
        else groups.set(key, { rows: [row], value });
      }
      return [...groups.values()].map((group) => ({
        rows: group.rows,
        attributes: [...attributes, [name, group.value] as const],
      }));
    });
}
