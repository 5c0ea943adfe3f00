/** What parses and means nothing: types that do not go together. The messages are Tempo's. */

import { MAX_PATTERN_CHARS } from '../limits.ts';
import { compilePattern } from '../pattern.ts';
import { PatternError, parsePattern } from '../pattern-syntax.ts';
import { type Expression, INTRINSICS, LOGIC, ORDERS, type Query, REGEX, type Stage } from './ast.ts';
import { formatAggregate, formatExpression, formatStage } from './format.ts';
import { TraceQLError } from './traceql-error.ts';
import type { Literal } from './value.ts';

/** The type an expression has; `any` is known only of each span. */
type Type = Literal['type'] | 'any';

const NUMERIC: readonly Type[] = ['int', 'float', 'duration'];
const BOOLEAN_OPERATORS: readonly string[] = [...ORDERS, ...REGEX, ...LOGIC];

/** Throws TraceQLError. */
export function checkQuery({ stages, metric }: Query): void {
  for (const stage of stages) checkStage(stage);
  for (const field of [...(metric?.by ?? []), ...(metric?.of ? [metric.of] : [])]) typeOf(field);
  if (metric !== null && metric.by.length > MAX_GROUPS) {
    throw new TraceQLError(`currently only ${MAX_GROUPS} group by values are supported`);
  }
}

const MAX_GROUPS = 5;

function checkStage(stage: Stage): void {
  switch (stage.kind) {
    case 'filter': {
      const type = typeOf(stage.expression);
      if (type !== 'bool' && type !== 'any') {
        throw new TraceQLError(`span filter field expressions must resolve to a boolean: ${formatStage(stage)}`);
      }
      return;
    }
    case 'operation':
      checkStage(stage.left);
      checkStage(stage.right);
      return;
    case 'pipeline':
      for (const inner of stage.stages) checkStage(inner);
      return;
    case 'scalar':
      checkScalarFilter(stage);
      return;
    case 'group':
      typeOf(stage.by);
      if (namesSpan(stage.by)) return;
      throw new TraceQLError(`grouping field expressions must reference the span: ${formatStage(stage)}`);
    case 'select':
      for (const field of stage.fields) typeOf(field);
      return;
    case 'coalesce':
  }
}

function checkScalarFilter(stage: Extract<Stage, { kind: 'scalar' }>): void {
  const sides = [stage.left, stage.right].map((side) => {
    if (side.kind === 'literal') return side.literal.type;
    if (side.of === null) return 'int';
    const type = typeOf(side.of);
    const name = formatAggregate(side);
    if (type !== 'any' && !NUMERIC.includes(type)) {
      throw new TraceQLError(`aggregate field expressions must resolve to a number type: ${name}`);
    }
    if (!namesSpan(side.of)) throw new TraceQLError(`aggregate field expressions must reference the span: ${name}`);
    return type;
  });
  if (goTogether(sides[0]!, sides[1]!)) return;
  throw new TraceQLError(`binary operations must operate on the same type: ${formatStage(stage)}`);
}

/** Throws TraceQLError for an expression that has none. */
function typeOf(expression: Expression): Type {
  switch (expression.kind) {
    case 'literal':
      return expression.literal.type;
    case 'attribute':
      if (expression.ofParent) throw new TraceQLError('parent not yet supported');
      return 'any';
    case 'intrinsic':
      if (expression.name === 'parent') throw new TraceQLError('intrinsic (parent) not yet supported');
      return INTRINSICS[expression.name];
    case 'binary':
      return typeOfBinary(expression);
    case 'unary': {
      const type = typeOf(expression.operand);
      if (type === 'any' || (expression.operator === '!' ? type === 'bool' : NUMERIC.includes(type))) return type;
      throw new TraceQLError(`illegal operation for the given type: ${formatExpression(expression)}`);
    }
  }
}

function typeOfBinary(expression: Extract<Expression, { kind: 'binary' }>): Type {
  const { operator, right } = expression;
  const types = [typeOf(expression.left), typeOf(right)] as const;
  const isExistence = types.includes('nil') && (operator === '=' || operator === '!=');
  if (!isExistence && !goTogether(...types)) {
    throw new TraceQLError(`binary operations must operate on the same type: ${formatExpression(expression)}`);
  }
  if (!isExistence && !types.every((type) => takes(operator, type))) {
    throw new TraceQLError(`illegal operation for the given types: ${formatExpression(expression)}`);
  }
  if (operator === '=~' || operator === '!~') checkRegex(right);
  if (BOOLEAN_OPERATORS.includes(operator)) return 'bool';
  return types[0] === 'any' ? types[1] : types[0];
}

/** Whether values of the two types can be compared or reckoned with. */
function goTogether(a: Type, b: Type): boolean {
  return a === 'any' || b === 'any' || a === b || (NUMERIC.includes(a) && NUMERIC.includes(b));
}

function takes(operator: string, type: Type): boolean {
  if (type === 'any') return true;
  if (LOGIC.some((word) => word === operator)) return type === 'bool';
  if (REGEX.some((word) => word === operator)) return type === 'string';
  if (operator === '=' || operator === '!=') return type !== 'nil';
  if (ORDERS.some((word) => word === operator)) return NUMERIC.includes(type) || type === 'string';
  return NUMERIC.includes(type);
}

function checkRegex(expression: Expression): void {
  const literal = expression.kind === 'literal' ? expression.literal : null;
  if (literal?.type !== 'string') throw new TraceQLError('a regular expression has to be a string');
  if (literal.value.length > MAX_PATTERN_CHARS) {
    throw new TraceQLError(`invalid regex: it has more than ${MAX_PATTERN_CHARS} characters`);
  }
  try {
    // By itself first, so that the place of a fault is that in the text.
    parsePattern(literal.value);
    compileWhole(literal.value);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new TraceQLError(`invalid regex: ${literal.value}: ${error.message}`);
  }
}

/** A pattern that has to match all of a text. Throws PatternError. */
export function compileWhole(pattern: string): (text: string) => boolean {
  return compilePattern(`^(?:${pattern})$`);
}

function namesSpan(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return false;
    case 'attribute':
    case 'intrinsic':
      return true;
    case 'binary':
      return namesSpan(expression.left) || namesSpan(expression.right);
    case 'unary':
      return namesSpan(expression.operand);
  }
}
