/** What the conditions of a query line look like: a subject, an operator, a value. What they mean is `parse-query.ts`'s business. */

import type { Comparison, Place } from './conditions.ts';
import { QueryError, quoteBriefly } from './query-error.ts';
import { isQueryField, placeOf, prefixOf, type QueryField } from './query-names.ts';
import type { Piece, QueryScanner } from './query-scanner.ts';

/** What a condition is about: a field, or else an attribute. */
export interface Subject {
  readonly field: QueryField | null;
  readonly on: Place;
  readonly key: string;
  readonly offset: number;
  readonly length: number;
}

export interface Operator {
  readonly comparison: Comparison;
  readonly offset: number;
}

export interface ConditionSyntax {
  readonly subject: Subject;
  readonly operator: Operator;
  readonly value: Piece;
}

/** The condition that begins where the scanner is. Behind it is space, which is skipped, or the end. */
export function readCondition(scanner: QueryScanner): ConditionSyntax {
  const subject = readSubject(scanner);
  const operator = readOperator(scanner, subject);
  return { subject, operator, value: readValue(scanner, operator) };
}

function readSubject(scanner: QueryScanner): Subject {
  const word = scanner.word();
  const { offset } = word;
  const on = placeOf(word.text);
  const isPrefix = word.text === prefixOf(on);
  if (isPrefix && scanner.isAtQuote) {
    const { text, length } = scanner.string();
    if (text === '') throw noKey(offset + word.length, length, 'the key is empty');
    return { field: null, on, key: text, offset, length: word.length + length };
  }
  if (word.length === 0) throw noKey(offset, 1, `${quoteBriefly(scanner.text[offset]!)} has nothing before it`);
  if (isPrefix) throw noKey(offset + word.length, 0, `${quoteBriefly(word.text)} has no key behind it`);
  const field = isQueryField(word.text) ? word.text : null;
  return { field, on, key: word.text.slice(prefixOf(on).length), offset, length: word.length };
}

function readOperator(scanner: QueryScanner, subject: Subject): Operator {
  scanner.skipSpace();
  const offset = scanner.position;
  const comparison = scanner.operator();
  if (comparison !== null) return { comparison, offset };
  const name = scanner.text.slice(subject.offset, subject.offset + subject.length);
  throw new QueryError(
    'no_operator',
    subject.offset,
    subject.length,
    `${quoteBriefly(name)} has no operator behind it`,
    'a condition, for example service=checkout, or key=* for any value',
  );
}

function readValue(scanner: QueryScanner, { comparison, offset }: Operator): Piece {
  scanner.skipSpace();
  const value = scanner.isAtQuote ? scanner.string() : scanner.word();
  if (value.length === 0) {
    const wrong = `${quoteBriefly(comparison)} has no value behind it`;
    throw new QueryError('no_value', offset, comparison.length, wrong, 'a value, "" for empty text');
  }
  const { position } = scanner;
  scanner.skipSpace();
  if (scanner.position > position || scanner.isAtEnd) return value;
  throw new QueryError(
    'no_space',
    position,
    1,
    `${quoteBriefly(scanner.text[position]!)} follows a value without a space`,
    'a space before the next condition, or quotes around the whole value',
  );
}

function noKey(offset: number, length: number, wrong: string): QueryError {
  return new QueryError('no_key', offset, length, wrong, 'a name, for example http.response.status_code');
}
