/**
 * Reads a query line: `service=checkout duration>250ms http.response.status_code>=500 root.operation="GET /cart"`. The grammar
 * is in `docs/search.md`; `format-query.ts` writes what this reads.
 */

import { MAX_QUERY_CHARS, MAX_QUERY_CONDITIONS } from '../limits.ts';
import type { AttributeCondition, Comparison, Place, TraceConditions, ValueTest } from './conditions.ts';
import { QueryError, quoteBriefly } from './query-error.ts';
import { isQueryField, placeOf, prefixOf, type QueryField } from './query-names.ts';
import { type Piece, QueryScanner } from './query-scanner.ts';
import { parseDuration, parseSearchValue } from './query-value.ts';

type Fields = { -readonly [Name in keyof Omit<TraceConditions, 'attributes'>]: TraceConditions[Name] };

/** Where a condition stands, and what it begins with. */
interface Subject {
  readonly field: QueryField | null;
  readonly on: Place;
  readonly key: string;
  readonly offset: number;
  readonly length: number;
}

interface Operator {
  readonly comparison: Comparison;
  readonly offset: number;
}

/** Names of conditions that a line can have once. */
const NAMES = {
  service: 'service',
  operation: 'operation',
  'root.service': 'rootService',
  'root.operation': 'rootOperation',
} as const;

/** The conditions of a line, none for a blank one. Throws a QueryError and nothing else, whatever the text is. */
export function parseQuery(text: string): TraceConditions {
  if (text.length > MAX_QUERY_CHARS) {
    const wrong = `the query has ${text.length} characters`;
    throw new QueryError(
      'too_long',
      MAX_QUERY_CHARS,
      text.length - MAX_QUERY_CHARS,
      wrong,
      `at most ${MAX_QUERY_CHARS}`,
    );
  }
  return new QueryParser(text).parse();
}

class QueryParser {
  private readonly scanner: QueryScanner;
  private readonly fields: Fields = {};
  private readonly attributes: AttributeCondition[] = [];

  constructor(text: string) {
    this.scanner = new QueryScanner(text);
  }

  parse(): TraceConditions {
    const { scanner } = this;
    scanner.skipSpace();
    for (let count = 0; !scanner.isAtEnd; count++) {
      const { position, text } = scanner;
      if (count === MAX_QUERY_CONDITIONS) {
        const wrong = `there are more than ${MAX_QUERY_CONDITIONS} conditions`;
        throw new QueryError('too_many', position, text.length - position, wrong, 'less');
      }
      this.readCondition();
      scanner.skipSpace();
    }
    return { ...this.fields, attributes: this.attributes };
  }

  private readCondition(): void {
    const subject = this.readSubject();
    const operator = this.readOperator(subject);
    const value = this.readValue(operator);
    if (subject.field === null) {
      this.attributes.push({ on: subject.on, key: subject.key, test: toTest(operator, value) });
    } else if (subject.field === 'duration') {
      this.boundDuration(operator, value);
    } else {
      this.setField(subject.field, subject, operator, value);
    }
  }

  private readSubject(): Subject {
    const { scanner } = this;
    const word = scanner.word();
    const { offset } = word;
    const isPrefix = word.text === prefixOf(placeOf(word.text));
    if (isPrefix && scanner.isAtQuote) {
      const on = placeOf(word.text);
      const { text, length } = scanner.string();
      if (text === '') throw noKey(offset + word.length, length, 'the key is empty');
      return { field: null, on, key: text, offset, length: word.length + length };
    }
    if (word.length === 0) throw noKey(offset, 1, `${quoteBriefly(scanner.text[offset]!)} has nothing before it`);
    if (isPrefix) throw noKey(offset + word.length, 0, `${quoteBriefly(word.text)} has no key behind it`);
    if (isQueryField(word.text)) return { field: word.text, on: 'any', key: word.text, offset, length: word.length };
    const on = placeOf(word.text);
    return { field: null, on, key: word.text.slice(prefixOf(on).length), offset, length: word.length };
  }

  private readOperator({ offset, length }: Subject): Operator {
    const { scanner } = this;
    scanner.skipSpace();
    const at = scanner.position;
    const comparison = scanner.operator();
    if (comparison !== null) return { comparison, offset: at };
    const subject = scanner.text.slice(offset, offset + length);
    const wrong = `${quoteBriefly(subject)} has no operator behind it`;
    throw new QueryError(
      'no_operator',
      offset,
      length,
      wrong,
      'a condition, for example service=checkout, or key=* for any value',
    );
  }

  private readValue({ comparison, offset }: Operator): Piece {
    const { scanner } = this;
    scanner.skipSpace();
    const value = scanner.isAtQuote ? scanner.string() : scanner.word();
    if (value.length === 0) {
      const wrong = `${quoteBriefly(comparison)} has no value behind it`;
      throw new QueryError('no_value', offset, comparison.length, wrong, 'a value, "" for empty text');
    }
    const { position } = scanner;
    scanner.skipSpace();
    if (scanner.position > position || scanner.isAtEnd) return value;
    const wrong = `${quoteBriefly(scanner.text[position]!)} follows a value without a space`;
    throw new QueryError(
      'no_space',
      position,
      1,
      wrong,
      'a space before the next condition, or quotes around the whole value',
    );
  }

  private setField(
    field: Exclude<QueryField, 'duration'>,
    subject: Subject,
    { comparison, offset }: Operator,
    value: Piece,
  ): void {
    if (comparison !== '=') {
      const wrong = `${field} cannot be compared by ${quoteBriefly(comparison)}`;
      throw new QueryError(
        'bad_operator',
        offset,
        comparison.length,
        wrong,
        `= here, or "${field}" in quotes for an attribute`,
      );
    }
    const name = field === 'status' ? field : NAMES[field];
    if (this.fields[name] !== undefined) {
      throw new QueryError('twice', subject.offset, subject.length, `${field} is there twice`, 'one of them');
    }
    if (field === 'status') this.fields.status = parseStatus(value);
    else this.fields[NAMES[field]] = value.text;
  }

  /** Of several bounds the nearest counts. */
  private boundDuration({ comparison, offset }: Operator, value: Piece): void {
    const { fields } = this;
    const us = parseDuration(value);
    const above = Math.min(us + 1, Number.MAX_SAFE_INTEGER);
    switch (comparison) {
      case '>':
      case '>=':
        fields.minDurationUs = Math.max(fields.minDurationUs ?? 0, comparison === '>' ? above : us);
        break;
      case '<':
      case '<=':
        fields.maxDurationUs = Math.min(fields.maxDurationUs ?? us, comparison === '<' ? us - 1 : us);
        break;
      default: {
        const wrong = `duration cannot be compared by ${quoteBriefly(comparison)}`;
        throw new QueryError('bad_operator', offset, comparison.length, wrong, '> >= < <=');
      }
    }
    const { minDurationUs = 0, maxDurationUs = minDurationUs } = fields;
    if (minDurationUs <= maxDurationUs) return;
    const wrong = 'no duration is within these bounds';
    throw new QueryError('contradiction', value.offset, value.length, wrong, 'a lower bound below the upper one');
  }
}

function toTest({ comparison, offset }: Operator, value: Piece): ValueTest {
  if (value.isQuoted || value.text !== '*') return { operator: comparison, value: parseSearchValue(value) };
  if (comparison === '=') return { operator: 'exists' };
  const wrong = `* stands for any value and cannot be compared by ${quoteBriefly(comparison)}`;
  throw new QueryError(
    'bad_operator',
    offset,
    comparison.length,
    wrong,
    '=* for an attribute that is there, or "*" in quotes',
  );
}

function parseStatus({ text, offset, length }: Piece): 'ok' | 'error' {
  if (text === 'ok' || text === 'error') return text;
  throw new QueryError('bad_value', offset, length, `${quoteBriefly(text)} is not a status`, 'ok or error');
}

function noKey(offset: number, length: number, wrong: string): QueryError {
  return new QueryError('no_key', offset, length, wrong, 'a name, for example http.response.status_code');
}
