/** `tags=key:value,key:value`: conditions on attributes as Jaeger's and Zipkin's users write them, with values typed as on a query line. */

import type { AttributeCondition } from '../../model/query/conditions.ts';
import { QueryError, quoteBriefly } from '../../model/query/query-error.ts';
import { placeOf, prefixOf } from '../../model/query/query-names.ts';
import { type Piece, QueryScanner } from '../../model/query/query-scanner.ts';
import { parseSearchValue } from '../../model/query/query-value.ts';

/** Keys may have the line's prefixes; keys and values with `:` or `,` in them stand in quotes. Throws a QueryError and nothing else. */
export function parseTags(text: string): AttributeCondition[] {
  const scanner = new QueryScanner(text);
  const conditions: AttributeCondition[] = [];
  for (;;) {
    const key = readPiece(scanner, ':,');
    if (key.text === '') throw bad('no_key', key, 'there is no key', 'a key, for example http.method:GET');
    const colon = scanner.position;
    if (text[colon] !== ':') throw bad('no_operator', key, `${quoteBriefly(key.text)} has no value`, 'key:value');
    scanner.position++;
    const value = readPiece(scanner, ',');
    if (value.length === 0)
      throw bad('no_value', { offset: colon, length: 1 }, 'there is no value', 'a value, "" for empty text');
    conditions.push(conditionOf(key, value));
    if (scanner.isAtEnd) return conditions;
    if (text[scanner.position] !== ',') {
      throw bad(
        'no_space',
        { offset: scanner.position, length: 1 },
        'something follows the closing "',
        'a comma, or the end',
      );
    }
    scanner.position++;
  }
}

function conditionOf(key: Piece, value: Piece): AttributeCondition {
  const on = key.isQuoted ? 'any' : placeOf(key.text);
  const isAny = !value.isQuoted && value.text === '*';
  return {
    on,
    key: key.isQuoted ? key.text : key.text.slice(prefixOf(on).length),
    test: isAny ? { operator: 'exists' } : { operator: '=', value: parseSearchValue(value) },
  };
}

/** A string in quotes, or all up to one of the characters. */
function readPiece(scanner: QueryScanner, ends: string): Piece {
  if (scanner.isAtQuote) return scanner.string();
  const offset = scanner.position;
  while (!scanner.isAtEnd && !ends.includes(scanner.text[scanner.position]!)) scanner.position++;
  const { position } = scanner;
  return { text: scanner.text.slice(offset, position), isQuoted: false, offset, length: position - offset };
}

function bad(
  fault: QueryError['fault'],
  { offset, length }: Pick<Piece, 'offset' | 'length'>,
  wrong: string,
  want: string,
): QueryError {
  return new QueryError(fault, offset, length, wrong, want);
}
