/**
 * Reads a query line: `service=checkout duration>250ms http.response.status_code>=500 root.operation="GET /cart"`. The grammar
 * is in `docs/search.md`; `format-query.ts` writes what this reads.
 */

import { MAX_QUERY_CHARS, MAX_QUERY_CONDITIONS } from '../limits.ts';
import type { AttributeCondition, TraceConditions, ValueTest } from './conditions.ts';
import { QueryError, quoteBriefly } from './query-error.ts';
import type { QueryField } from './query-names.ts';
import { type Piece, QueryScanner } from './query-scanner.ts';
import { type ConditionSyntax, type Operator, readCondition } from './query-syntax.ts';
import { parseDuration, parseSearchValue } from './query-value.ts';

type Fields = { -readonly [Name in keyof Omit<TraceConditions, 'attributes'>]: TraceConditions[Name] };

const NAMES = {
  service: 'service',
  operation: 'operation',
  'root.service': 'rootService',
  'root.operation': 'rootOperation',
} as const;

/** The conditions of a line, none for a blank one. Throws a QueryError and nothing else, whatever the text is. */
export function parseQuery(text: string): TraceConditions {
  const { length } = text;
  if (length > MAX_QUERY_CHARS) {
    const wrong = `the query has ${length} characters`;
    throw new QueryError('too_long', MAX_QUERY_CHARS, length - MAX_QUERY_CHARS, wrong, `at most ${MAX_QUERY_CHARS}`);
  }
  const scanner = new QueryScanner(text);
  const fields: Fields = {};
  const attributes: AttributeCondition[] = [];
  scanner.skipSpace();
  for (let count = 0; !scanner.isAtEnd; count++) {
    const { position } = scanner;
    if (count === MAX_QUERY_CONDITIONS) {
      throw new QueryError('too_many', position, length - position, 'there are more conditions', `at most ${count}`);
    }
    const condition = readCondition(scanner);
    const { field, on, key } = condition.subject;
    if (field === null) attributes.push({ on, key, test: toTest(condition) });
    else if (field === 'duration') boundDuration(fields, condition);
    else setField(fields, field, condition);
  }
  return { ...fields, attributes };
}

function setField(
  fields: Fields,
  field: Exclude<QueryField, 'duration'>,
  { subject, operator, value }: ConditionSyntax,
): void {
  if (operator.comparison !== '=') {
    throw badOperator(operator, field, `= here, or "${field}" in quotes for an attribute`);
  }
  const name = field === 'status' ? field : NAMES[field];
  if (fields[name] !== undefined) {
    throw new QueryError('twice', subject.offset, subject.length, `${field} is there twice`, 'one of them');
  }
  if (name === 'status') fields.status = parseStatus(value);
  else fields[name] = value.text;
}

/** Of several bounds the nearest counts. */
function boundDuration(fields: Fields, { operator, value }: ConditionSyntax): void {
  const { comparison } = operator;
  if (comparison === '=' || comparison === '!=') throw badOperator(operator, 'duration', '> >= < <=');
  const us = parseDuration(value);
  if (comparison === '>' || comparison === '>=') {
    const least = comparison === '>' ? Math.min(us + 1, Number.MAX_SAFE_INTEGER) : us;
    fields.minDurationUs = Math.max(fields.minDurationUs ?? 0, least);
  } else {
    fields.maxDurationUs = Math.min(fields.maxDurationUs ?? us, comparison === '<' ? us - 1 : us);
  }
  const { minDurationUs = 0, maxDurationUs = minDurationUs } = fields;
  if (minDurationUs <= maxDurationUs) return;
  const wrong = 'no duration is within these bounds';
  throw new QueryError('contradiction', value.offset, value.length, wrong, 'a lower bound below the upper one');
}

function toTest({ operator, value }: ConditionSyntax): ValueTest {
  const { comparison } = operator;
  if (value.isQuoted || value.text !== '*') return { operator: comparison, value: parseSearchValue(value) };
  if (comparison === '=') return { operator: 'exists' };
  throw badOperator(operator, '*, which is any value,', '=* for an attribute that is there, or "*" in quotes');
}

function parseStatus({ text, offset, length }: Piece): 'ok' | 'error' {
  if (text === 'ok' || text === 'error') return text;
  throw new QueryError('bad_value', offset, length, `${quoteBriefly(text)} is not a status`, 'ok or error');
}

function badOperator({ comparison, offset }: Operator, what: string, want: string): QueryError {
  const wrong = `${what} cannot be compared by ${quoteBriefly(comparison)}`;
  return new QueryError('bad_operator', offset, comparison.length, wrong, want);
}
