/** Makes a function of an expression. */

import { type Arithmetic, type BinaryOperator, type Expression, ORDERS, type Order } from './ast.ts';
import { compileWhole } from './check.ts';
import { fieldValue } from './field-value.ts';
import type { TraceView } from './trace-view.ts';
import { FALSE, isNumeric, type Literal, NIL, TRUE, type Value } from './value.ts';

export type CompiledExpression = (trace: TraceView, row: number) => Value;

export function compileExpression(expression: Expression): CompiledExpression {
  switch (expression.kind) {
    case 'literal': {
      const { literal } = expression;
      return () => literal;
    }
    case 'attribute':
    case 'intrinsic':
      return (trace, row) => fieldValue(expression, trace, row);
    case 'unary': {
      const operand = compileExpression(expression.operand);
      const apply = expression.operator === '!' ? not : negate;
      return (trace, row) => apply(operand(trace, row));
    }
    case 'binary':
      return compileBinary(expression);
  }
}

function compileBinary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>): CompiledExpression {
  const a = compileExpression(left);
  const b = compileExpression(right);
  if (operator === '&&') return (trace, row) => (isTrue(a(trace, row)) ? bool(isTrue(b(trace, row))) : FALSE);
  if (operator === '||') return (trace, row) => (isTrue(a(trace, row)) ? TRUE : bool(isTrue(b(trace, row))));
  if (operator === '=~' || operator === '!~') {
    const matches = compileWhole(
      right.kind === 'literal' && right.literal.type === 'string' ? right.literal.value : '',
    );
    return (trace, row) => bool(matchValue(a(trace, row), matches, operator === '!~'));
  }
  if (isOrder(operator)) {
    if (isNil(left) || isNil(right)) {
      const field = isNil(left) ? b : a;
      const isWanted = operator === '=';
      // Of two that are nil Tempo says neither.
      if (isNil(left) && isNil(right)) return () => FALSE;
      return (trace, row) => bool((field(trace, row).type === 'nil') === isWanted);
    }
    return (trace, row) => bool(compareValues(a(trace, row), operator, b(trace, row)));
  }
  return (trace, row) => calculate(a(trace, row), operator, b(trace, row));
}

function isNil(expression: Expression): boolean {
  return expression.kind === 'literal' && expression.literal.type === 'nil';
}

function isOrder(operator: BinaryOperator): operator is Order {
  return ORDERS.some((order) => order === operator);
}

export function isTrue(value: Value): boolean {
  return value.type === 'bool' && value.value;
}

function bool(value: boolean): Literal {
  return value ? TRUE : FALSE;
}

/** What is no boolean has no opposite. */
function not(value: Value): Value {
  return value.type === 'bool' ? bool(!value.value) : NIL;
}

function negate(value: Value): Value {
  return isNumeric(value) ? { type: value.type, value: -value.value } : NIL;
}

function matchValue(value: Value, matches: (text: string) => boolean, isInverted: boolean): boolean {
  const texts = (value.type === 'many' ? value.values : [value]).flatMap((one) =>
    one.type === 'string' ? [one.value] : [],
  );
  if (texts.length === 0) return false;
  return isInverted ? !texts.some(matches) : texts.some(matches);
}

/** Values of types that do not go together pass nothing, not even `!=`. Of many one that passes is enough, of `!=` all must. */
export function compareValues(a: Value, operator: Order, b: Value): boolean {
  if (a.type === 'many') return someOrAll(a.values, operator, (one) => compareValues(one, operator, b));
  if (b.type === 'many') return someOrAll(b.values, operator, (one) => compareValues(a, operator, one));
  const order = orderOf(a, b);
  if (order === null) return false;
  if (operator === '=') return order === 0;
  if (operator === '!=') return order !== 0;
  if (!isNumeric(a) && a.type !== 'string') return false;
  switch (operator) {
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
  }
}

function someOrAll(values: readonly Literal[], operator: Order, passes: (value: Literal) => boolean): boolean {
  return operator === '!=' ? values.every(passes) : values.some(passes);
}

/** null where the two cannot be compared; NaN, which is before and behind nothing, where one of them is. */
function orderOf(a: Value, b: Value): number | null {
  if (isNumeric(a) && isNumeric(b)) return a.value === b.value ? 0 : a.value - b.value;
  if (a.type !== b.type || a.type === 'nil' || a.type === 'other' || a.type === 'many') return null;
  const [left, right] = [a.value, (b as typeof a).value];
  return left === right ? 0 : left < right ? -1 : 1;
}

function calculate(a: Value, operator: Arithmetic, b: Value): Value {
  if (!isNumeric(a) || !isNumeric(b)) return NIL;
  return { type: 'float', value: reckon(a.value, operator, b.value) };
}

function reckon(a: number, operator: Arithmetic, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    case '^':
      return a ** b;
  }
}
