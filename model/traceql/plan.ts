/**
 * What must hold of every trace that a query finds, as conditions that the search knows. They find more: what is of one span
 * in the query need not be in them, and patterns, kinds and places in the tree are looked at afterwards.
 */

import { MAX_QUERY_CONDITIONS, MAX_TERM_BYTES } from '../limits.ts';
import type { AttributeCondition, SearchValue, TraceConditions, ValueTest } from '../query/conditions.ts';
import { encodeSearched } from '../query/value.ts';
import type { Attribute, BinaryOperator, Expression, Field, IntrinsicName, Order, Stage } from './ast.ts';
import { plainTexts } from './plain-texts.ts';
import { isNumeric, type Literal } from './value.ts';

/** Conditions that are still to be put together; all of one filter are of one span. */
type Necessary = TraceConditions;

const NOTHING: Necessary = { attributes: [] };

/** A search with these conditions finds each trace in which the pipeline finds something. */
export function necessaryOf(stages: readonly Stage[]): TraceConditions {
  const { attributes, ...rest } = stages.map(ofStage).reduce(all, NOTHING);
  // A search that is for more than there can be finds nothing, and is not sent.
  return { ...rest, attributes: distinct(attributes).slice(0, MAX_QUERY_CONDITIONS) };
}

function ofStage(stage: Stage): Necessary {
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
function ofExpression(expression: Expression): Necessary {
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

function ofComparison(field: Field, operator: BinaryOperator, literal: Literal): Necessary {
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

function ofAttribute({ scope, name }: Attribute, test: ValueTest): Necessary {
  // Of events, links and scopes the search knows nothing.
  if (name === '' || (scope !== 'none' && scope !== 'span' && scope !== 'resource')) return NOTHING;
  return { attributes: [{ on: scope === 'none' ? 'any' : scope, key: name, test }] };
}

/** @param text what the value has to be, where that is one text */
function ofIntrinsic(name: IntrinsicName, operator: BinaryOperator, literal: Literal, text?: string): Necessary {
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

/** Both hold, of one span. */
function oneSpan(a: Necessary, b: Necessary): Necessary {
  const names = { service: a.service ?? b.service, operation: a.operation ?? b.operation };
  return { ...both(a, b), ...known(names), attributes: [...a.attributes, ...b.attributes] };
}

/** Both hold, of spans that may differ. A search names one span; of another it can say the service alone. */
function all(a: Necessary, b: Necessary): Necessary {
  const [named, other] = a.service === undefined && a.operation === undefined ? [b, a] : [a, b];
  const { service, operation } = named;
  const attributes = [...a.attributes, ...b.attributes];
  if (other.service !== undefined) {
    attributes.push(ofService(other.service));
  }
  return { ...both(a, b), ...known({ service, operation }), attributes };
}

/** What is of the trace as a whole. */
function both(a: Necessary, b: Necessary): Omit<Necessary, 'attributes'> {
  const minDurationUs = Math.max(a.minDurationUs ?? 0, b.minDurationUs ?? 0);
  const maxDurationUs = Math.min(
    a.maxDurationUs ?? Number.POSITIVE_INFINITY,
    b.maxDurationUs ?? Number.POSITIVE_INFINITY,
  );
  return {
    ...known({
      rootService: a.rootService ?? b.rootService,
      rootOperation: a.rootOperation ?? b.rootOperation,
      status: a.status ?? b.status,
    }),
    ...(minDurationUs > 0 ? { minDurationUs } : {}),
    // Where nothing is between the two, what is looked at afterwards finds nothing.
    ...(Number.isFinite(maxDurationUs) && maxDurationUs >= minDurationUs ? { maxDurationUs } : {}),
  };
}

/** One of the two holds: what both say. */
function either(a: Necessary, b: Necessary): Necessary {
  const same = <K extends keyof Necessary>(key: K) => (a[key] === b[key] ? a[key] : undefined);
  const isBounded = (key: 'minDurationUs' | 'maxDurationUs') => a[key] !== undefined && b[key] !== undefined;
  const service = same('service');
  const [left, right] = service === undefined ? [withService(a), withService(b)] : [a.attributes, b.attributes];
  return {
    ...known({
      service,
      operation: same('operation'),
      rootService: same('rootService'),
      rootOperation: same('rootOperation'),
      status: same('status'),
    }),
    ...(isBounded('minDurationUs') ? { minDurationUs: Math.min(a.minDurationUs!, b.minDurationUs!) } : {}),
    ...(isBounded('maxDurationUs') ? { maxDurationUs: Math.max(a.maxDurationUs!, b.maxDurationUs!) } : {}),
    attributes: left.flatMap((condition) => {
      const other = right.find(({ on, key }) => on === condition.on && key === condition.key);
      return other ? [{ ...condition, test: eitherTest(condition.test, other.test) }] : [];
    }),
  };
}

/** The service as a condition like others. */
function withService({ service, attributes }: Necessary): readonly AttributeCondition[] {
  return service === undefined ? attributes : [...attributes, ofService(service)];
}

function ofService(service: string): AttributeCondition {
  return { on: 'resource', key: 'service.name', test: { operator: '=', value: service } };
}

/** What passes one of the two passes this. */
function eitherTest(a: ValueTest, b: ValueTest): ValueTest {
  if (JSON.stringify(a) === JSON.stringify(b)) return a;
  const values = [valuesOf(a), valuesOf(b)];
  return values.every((of) => of !== null) ? { operator: 'in', values: values.flat() } : { operator: 'exists' };
}

/** The values that pass; null where there are any number of them. */
function valuesOf(test: ValueTest): readonly SearchValue[] | null {
  if (test.operator === 'in') return test.values;
  return test.operator === '=' ? [test.value] : null;
}

function distinct(conditions: readonly AttributeCondition[]): AttributeCondition[] {
  return [...new Map(conditions.map((condition) => [keyOf(condition), condition])).values()];
}

function keyOf(condition: AttributeCondition): string {
  return JSON.stringify(condition);
}

/** Without what is not there. */
function known<T extends object>(parts: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as never;
}
