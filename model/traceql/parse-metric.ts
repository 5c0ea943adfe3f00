/** The stage of a query that makes numbers over time of spans, and the hints behind a query. */

import { type Field, type Metric, type MetricName, type Query, SERIES_LIMITS } from './ast.ts';
import { parseField, parseLiteral } from './parse-field.ts';
import type { TokenStream } from './token-stream.ts';
import { TraceQLError } from './traceql-error.ts';

/** Behind the name, up to the end. */
export function parseMetric(tokens: TokenStream, name: MetricName): Metric {
  tokens.expect('(');
  const isMeasured = name !== 'rate' && name !== 'count_over_time';
  const of = isMeasured ? parseField(tokens) : null;
  const quantiles: number[] = [];
  if (name === 'quantile_over_time') {
    tokens.expect(',');
    do quantiles.push(parseNumber(tokens));
    while (tokens.take(','));
    tokens.expect(')', ',');
  } else {
    tokens.expect(')');
  }
  const by = tokens.take('by') ? parseFields(tokens) : [];
  return { name, of, quantiles, by, limits: parseLimits(tokens) };
}

function parseLimits(tokens: TokenStream): Metric['limits'] {
  const limits: Metric['limits'][number][] = [];
  while (tokens.take('|')) {
    const name = tokens.takeOf(SERIES_LIMITS);
    if (name === null) throw tokens.fault(...SERIES_LIMITS);
    tokens.expect('(');
    const { next } = tokens;
    if (next.type !== 'INTEGER') throw tokens.fault('INTEGER');
    tokens.advance();
    tokens.expect(')');
    if (next.value < 1) throw new TraceQLError(`${name}() needs at least one series`);
    limits.push({ name, count: next.value });
  }
  return limits;
}

/** Fields in parentheses. */
export function parseFields(tokens: TokenStream): Field[] {
  tokens.expect('(');
  const fields = [parseField(tokens)];
  while (tokens.take(',')) fields.push(parseField(tokens));
  tokens.expect(')', ',');
  return fields;
}

/** `with (…)`, where it is. */
export function parseHints(tokens: TokenStream): Query['hints'] {
  if (!tokens.take('with')) return [];
  tokens.expect('(');
  const hints: Query['hints'][number][] = [];
  do {
    const { next } = tokens;
    if (next.type !== 'IDENTIFIER') throw tokens.fault('IDENTIFIER');
    tokens.advance();
    tokens.expect('=');
    const literal = parseLiteral(tokens);
    if (literal === null) throw tokens.fault();
    hints.push([next.text, literal]);
  } while (tokens.take(','));
  tokens.expect(')', ',');
  return hints;
}

function parseNumber(tokens: TokenStream): number {
  const { next } = tokens;
  if (next.type !== 'INTEGER' && next.type !== 'FLOAT') throw tokens.fault('INTEGER', 'FLOAT');
  tokens.advance();
  return next.value;
}
