/**
 * What must hold of every trace that a query finds, as conditions that the search knows. They find more: what is of one span
 * in the query need not be in them, and patterns, kinds and places in the tree are looked at afterwards.
 */

import { MAX_QUERY_CONDITIONS, MAX_TERM_BYTES } from '../limits.ts';
import type { TraceConditions, ValueTest } from '../query/conditions.ts';
import { encodeSearched } from '../query/value.ts';
import type { Attribute, BinaryOperator, Expression, Field, IntrinsicName, Order, Stage } from './ast.ts';
import { all, distinct, either, NOTHING, oneSpan } from './combine-conditions.ts';
import { plainTexts } from './plain-texts.ts';
import { isNumeric, type Literal } from './value.ts';

/** A search with these conditions finds each trace in which the pipeline finds something. */
export function necessaryOf(stages: readonly Stage[]): TraceConditions {
  const { attributes, ...rest } = stages.map(ofStage).reduce(all, NOTHING);
  // With fewer conditions more is found, and nothing less.
  return { ...rest, attributes: distinct(attributes).slice(0, MAX_QUERY_CONDITIONS) };
}

function ofStage(stage: Stage): TraceConditions {
  switch (stage.kind) {
    case 'filter':
      return ofExpression(stage.expression);
    case 'operation': {
      const [left, right] = [ofStage(stage.left), ofStage(stage.right)];
      if (stage.operator === '||') return either(left, right);
      return stage.operator.startsWith('!') ? right : all(left, right);
    }
    case 'pipeline':
      return stage.stages.map(ofStage).reduce(all, NOTHING);
    case 'scalar':
    case 'group':
    case 'select':
    case 'coalesce':
      return NOTHING;
  }
}

/** Of a span for which the expression is true. */
function ofExpression(expression: Expression): TraceConditions {
  if (expression.kind === 'attribute') return ofAttribute(expression, { operator: '=', value: true });
  if (expression.kind !== 'binary') return NOTHING;
  const { operator, left, right } = expression;
  if (operator === '&&') return oneSpan(ofExpression(left), ofExpression(right));
  if (operator === '||') return either(ofExpression(left), ofExpression(right));
  if (isField(left) && right.kind === 'literal') return ofComparison(left, operator, right.literal);
  if (isField(right) && left.kind === 'literal') return ofComparison(right, TURNED[operator] ?? operator, left.literal);
  return NOTHING;
}

const TURNED: Partial<Readonly<Record<BinaryOperator, BinaryOperator>>> = {
  '>': '<',
  '>=': '<=',
  '<': '>',
  '<=': '>=',
};

function isField(expression: Expression): expression is Field {
  return expression.kind === 'attribute' || expression.kind === 'intrinsic';
}

function ofComparison(field: Field, operator: BinaryOperator, literal: Literal): TraceConditions {
  if (literal.type === 'nil' && operator === '=') return NOTHING;
  const texts = textsOf(operator, literal);
  const name = texts?.length === 1 && texts[0] !== '' ? texts[0] : undefined;
  if (field.kind === 'intrinsic') return ofIntrinsic(field.name, operator, literal, name);
  const isService = field.name === 'service.name' && field.scope === 'resource';
  if (isService && name !== undefined) return { service: name, attributes: [] };
  return ofAttribute(field, texts === null ? testOf(operator, literal) : testOfTexts(texts));
}

/** The texts of which the value has to be one; null where that is not said. */
function textsOf(operator: BinaryOperator, literal: Literal): string[] | null {
  if (literal.type !== 'string') return null;
  return operator === '=' ? [literal.value] : operator === '=~' ? plainTexts(literal.value) : null;
}

/** Of texts the search knows the beginning only. */
function testOfTexts(texts: readonly string[]): ValueTest {
  if (texts.some((text) => encodeSearched(text).length >= MAX_TERM_BYTES)) return { operator: 'exists' };
  return texts.length === 1 ? { operator: '=', value: texts[0]! } : { operator: 'in', values: texts };
}

/** What every value passes that is so compared. */
function testOf(operator: BinaryOperator, literal: Literal): ValueTest {
  if (literal.type === 'bool' && operator === '=') return { operator, value: literal.value };
  if (isNumeric(literal) && Math.abs(literal.value) <= Number.MAX_SAFE_INTEGER && isOrder(operator)) {
    return { operator, value: literal.value };
  }
  return { operator: 'exists' };
}

function isOrder(operator: BinaryOperator): operator is Exclude<Order, '!='> {
  return ['=', '>', '>=', '<', '<='].includes(operator);
}

function ofAttribute({ scope, name }: Attribute, test: ValueTest): TraceConditions {
  // Of events, links and scopes the search knows nothing.
  if (name === '' || (scope !== 'none' && scope !== 'span' && scope !== 'resource')) return NOTHING;
  return { attributes: [{ on: scope === 'none' ? 'any' : scope, key: name, test }] };
}

/** @param text what the value has to be, where that is one text */
function ofIntrinsic(name: IntrinsicName, operator: BinaryOperator, literal: Literal, text?: string): TraceConditions {
  if (text !== undefined) {
    if (name === 'name') return { operation: text, attributes: [] };
    if (name === 'rootName') return { rootOperation: text, attributes: [] };
    if (name === 'rootServiceName') return { rootService: text, attributes: [] };
  }
  if (name === 'status' && operator === '=' && literal.type === 'status' && literal.value === 'error') {
    return { status: 'error', attributes: [] };
  }
  if (!isNumeric(literal) || !(Math.abs(literal.value) <= Number.MAX_SAFE_INTEGER)) return NOTHING;
  const us = literal.value / 1000;
  const least = ['=', '>', '>='].includes(operator) ? { minDurationUs: Math.max(0, Math.floor(us)) } : {};
  const most = ['=', '<', '<='].includes(operator) ? { maxDurationUs: Math.max(0, Math.ceil(us)) } : {};
  // A trace lasts at least as long as each of its spans.
  if (name === 'duration') return { ...least, attributes: [] };
  return name === 'traceDuration' ? { ...least, ...most, attributes: [] } : NOTHING;
}
