/** TraceQL as Tempo writes it in its errors and in the names of what a query computes. */

import type { Aggregate, Expression, Field, Metric, Query, Stage } from './ast.ts';
import { formatValue, type Literal } from './value.ts';

export function formatQuery({ stages, metric, hints }: Query): string {
  const parts = stages.map(formatStage);
  if (metric !== null) parts.push(formatMetric(metric));
  const behind = hints.map(([name, literal]) => `${name}=${formatLiteral(literal)}`);
  return parts.join(' | ') + (behind.length > 0 ? ` with(${behind.join(',')})` : '');
}

export function formatStage(stage: Stage): string {
  switch (stage.kind) {
    case 'filter':
      return `{ ${formatExpression(stage.expression)} }`;
    case 'operation':
      return `(${formatStage(stage.left)}) ${stage.operator} (${formatStage(stage.right)})`;
    case 'pipeline':
      return `(${stage.stages.map(formatStage).join(' | ')})`;
    case 'scalar':
      return `${formatAggregate(stage.left)} ${stage.operator} ${formatScalar(stage.right)}`;
    case 'group':
      return `by(${formatExpression(stage.by)})`;
    case 'select':
      return `select(${stage.fields.map(formatField).join(', ')})`;
    case 'coalesce':
      return 'coalesce()';
  }
}

function formatScalar(scalar: Extract<Stage, { kind: 'scalar' }>['right']): string {
  return scalar.kind === 'aggregate' ? formatAggregate(scalar) : formatLiteral(scalar.literal);
}

export function formatAggregate({ name, of }: Aggregate): string {
  return `${name}(${of === null ? '' : formatExpression(of)})`;
}

function formatMetric({ name, of, quantiles, by, limits }: Metric): string {
  const inside = [...(of === null ? [] : [formatField(of)]), ...quantiles.map((quantile) => quantile.toFixed(5))];
  const groups = by.length > 0 ? `by(${by.map(formatField).join(',')})` : '';
  const behind = limits.map((limit) => ` | ${limit.name}(${limit.count})`).join('');
  return `${name}(${inside.join(',')})${groups}${behind}`;
}

export function formatExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return formatLiteral(expression.literal);
    case 'attribute':
    case 'intrinsic':
      return formatField(expression);
    case 'binary':
      return `${wrap(expression.left)} ${expression.operator} ${wrap(expression.right)}`;
    case 'unary':
      return `${expression.operator}${wrap(expression.operand)}`;
  }
}

function wrap(expression: Expression): string {
  const text = formatExpression(expression);
  return expression.kind === 'binary' || expression.kind === 'unary' ? `(${text})` : text;
}

function formatLiteral(literal: Literal): string {
  // A string that has backticks cannot stand between them.
  if (literal.type === 'string' && /[`\r]/.test(literal.value)) return JSON.stringify(literal.value);
  return formatValue(literal, '`');
}

/** `span.foo`, `.foo`, `duration`: also the name of a label. */
export function formatField(field: Field): string {
  if (field.kind === 'intrinsic') return field.name;
  const scope = `${field.ofParent ? 'parent.' : ''}${field.scope === 'none' ? '' : `${field.scope}.`}`;
  return `${scope === '' ? '.' : scope}${formatName(field.name)}`;
}

function formatName(name: string): string {
  return /[\s{}()=~!<>&|^,"\\]/u.test(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : name;
}
