/**
 * Reads TraceQL (https://grafana.com/docs/tempo/latest/traceql/): spansets, what is between them, pipelines and metrics. The
 * tree it makes is no deeper than `MAX_TRACEQL_OPERATORS`, so that whatever walks it may recurse.
 */

import { MAX_TRACEQL_CHARS } from '../limits.ts';
import {
  AGGREGATES,
  type Aggregate,
  type Expression,
  METRICS,
  type Metric,
  ORDERS,
  type Query,
  SPANSET_OPERATORS,
  type Stage,
} from './ast.ts';
import { checkQuery } from './check.ts';
import { parseExpression, parseLiteral } from './parse-field.ts';
import { parseFields, parseHints, parseMetric } from './parse-metric.ts';
import { TokenStream } from './token-stream.ts';
import type { Token } from './tokens.ts';
import { TraceQLError, TraceQLParseError } from './traceql-error.ts';
import type { Numeric } from './value.ts';

/** `&&` and `||` bind alike, all others tighter, also alike; all are done from the left. */
const LOOSE = ['&&', '||'];

/** Throws TraceQLError. */
export function parseTraceQL(text: string): Query {
  if (text.length > MAX_TRACEQL_CHARS) {
    throw new TraceQLError(`the query has more than ${MAX_TRACEQL_CHARS} characters`);
  }
  const tokens = new TokenStream(text);
  const { stages, metric } = parsePipeline(tokens, true);
  const hints = parseHints(tokens);
  if (tokens.word !== '$end') throw tokens.fault('with');
  const query = { stages, metric, hints };
  checkQuery(query);
  return query;
}

function parsePipeline(tokens: TokenStream, mayMeasure: boolean): { stages: Stage[]; metric: Metric | null } {
  const stages: Stage[] = [];
  do {
    const name = stages.length > 0 && mayMeasure ? tokens.takeOf(METRICS) : null;
    if (name !== null) return { stages, metric: parseMetric(tokens, name) };
    stages.push(parseStage(tokens, stages.length === 0));
  } while (tokens.take('|'));
  return { stages, metric: null };
}

function parseStage(tokens: TokenStream, isFirst: boolean): Stage {
  if (tokens.word === '{' || tokens.word === '(') return parseSpansets(tokens, 0);
  if (tokens.take('by')) {
    tokens.expect('(');
    const by = parseExpression(tokens);
    tokens.expect(')', ',', '=', '!=', '<');
    return { kind: 'group', by };
  }
  if (tokens.take('select')) return { kind: 'select', fields: parseFields(tokens) };
  if (!isFirst && tokens.take('coalesce')) {
    tokens.expect('(');
    tokens.expect(')');
    return { kind: 'coalesce' };
  }
  return parseScalarFilter(tokens);
}

/** Spansets and what is between them, if that binds tighter than `above`: 0, or 1 behind an operator that is not loose. */
function parseSpansets(tokens: TokenStream, above: 0 | 1 | 2): Stage {
  let left = parseSpanset(tokens);
  for (;;) {
    const operator = SPANSET_OPERATORS.find((word) => word === tokens.word);
    if (operator === undefined) return left;
    const binding = LOOSE.includes(operator) ? 1 : 2;
    if (binding <= above) return left;
    tokens.countOperator();
    tokens.advance();
    left = { kind: 'operation', operator, left, right: parseSpansets(tokens, binding) } as Stage;
  }
}

function parseSpanset(tokens: TokenStream): Stage {
  if (tokens.take('{')) {
    if (tokens.take('}'))
      return { kind: 'filter', expression: { kind: 'literal', literal: { type: 'bool', value: true } } };
    const expression = parseExpression(tokens);
    if (!tokens.take('}')) throw tokens.fault();
    return { kind: 'filter', expression };
  }
  if (!tokens.take('(')) throw tokens.fault('{', '(');
  const { stages } = tokens.nest(() => parsePipeline(tokens, false));
  tokens.expect(')', '|');
  return stages.length === 1 ? stages[0]! : { kind: 'pipeline', stages };
}

/** `avg(duration) > 1s`, `max(.a) > min(.a)`; a number on the left is not supported, as in Tempo. */
function parseScalarFilter(tokens: TokenStream): Stage {
  if (isNumber(tokens.next)) {
    tokens.advance();
    throw ORDERS.some((order) => order === tokens.word)
      ? new TraceQLError('scalar filter lhs of type (Static) not yet supported')
      : tokens.fault();
  }
  const left = parseAggregate(tokens);
  const operator = tokens.takeOf(ORDERS);
  if (operator === null) throw tokens.fault();
  return { kind: 'scalar', left, operator, right: parseScalar(tokens) ?? parseAggregate(tokens) };
}

function isNumber({ type }: Token): boolean {
  return type === 'INTEGER' || type === 'FLOAT' || type === 'DURATION';
}

function parseAggregate(tokens: TokenStream): Aggregate {
  const name = tokens.takeOf(AGGREGATES);
  if (name === null) throw tokens.fault();
  tokens.expect('(');
  const of = name === 'count' ? null : parseExpression(tokens);
  if (!tokens.take(')')) throw name === 'count' ? tokens.fault(')') : tokens.fault();
  return { kind: 'aggregate', name, of };
}

/** A number; null where none is next. */
function parseScalar(tokens: TokenStream): Extract<Expression, { kind: 'literal' }> | null {
  const isNegative = tokens.take('-');
  if (!isNumber(tokens.next)) {
    if (isNegative) throw tokens.fault();
    return null;
  }
  const literal = parseLiteral(tokens) as Numeric;
  return { kind: 'literal', literal: isNegative ? { ...literal, value: 0 - literal.value } : literal };
}

/** A field by itself, as in the path of tag values. Throws TraceQLError. */
export function parseIdentifier(text: string) {
  const tokens = new TokenStream(`{${text}}`);
  tokens.expect('{');
  const expression = parseExpression(tokens);
  tokens.expect('}');
  if (tokens.word !== '$end') throw tokens.fault();
  if (expression.kind === 'attribute' || expression.kind === 'intrinsic') return expression;
  throw new TraceQLParseError('expected Attribute', 0, 0);
}
