/** The stage of a query that makes numbers over time of spans, and the hints behind a query. */

import type { Field, Metric, MetricName, Query } from './ast.ts';
import { parseField, parseLiteral } from './parse-field.ts';
import type { TokenStream } from './token-stream.ts';

/** Behind the name, up to the end of `by (…)`. */
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
  return { name, of, quantiles, by };
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
