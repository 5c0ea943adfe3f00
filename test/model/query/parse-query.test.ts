import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_QUERY_CHARS, MAX_QUERY_CONDITIONS } from '../../../model/limits.ts';
import type { TraceConditions } from '../../../model/query/conditions.ts';
import { formatQuery } from '../../../model/query/format-query.ts';
import { parseQuery } from '../../../model/query/parse-query.ts';
import { QueryError, type QueryFault } from '../../../model/query/query-error.ts';
import { arbitraryConditions } from './arbitrary-conditions.ts';

const NONE = { attributes: [] };

function attribute(key: string, value: string | number | bigint | boolean, on = 'any', operator = '=') {
  return { attributes: [{ on, key, test: { operator, value } }] };
}

/** The error of a text, or null where it has none; anything else that is thrown is thrown on. */
function faultOf(text: string): QueryError | null {
  try {
    parseQuery(text);
    return null;
  } catch (error) {
    if (error instanceof QueryError) return error;
    throw error;
  }
}

describe('parseQuery', () => {
  it('reads a line of everything', () => {
    const line =
      'service=checkout duration>250ms http.response.status_code>=500 root.operation="GET /cart" resource.region=eu status=error';
    expect(parseQuery(line)).toEqual({
      service: 'checkout',
      rootOperation: 'GET /cart',
      minDurationUs: 250_001,
      status: 'error',
      attributes: [
        { on: 'any', key: 'http.response.status_code', test: { operator: '>=', value: 500 } },
        { on: 'resource', key: 'region', test: { operator: '=', value: 'eu' } },
      ],
    });
  });

  it.each<[string, object]>([
    ['', NONE],
    [' \t\u00a0\n', NONE],
    ['operation="GET /"', { operation: 'GET /', ...NONE }],
    ['service="a\\"b\\\\c\\u0041\\n"', { service: 'a"b\\cA\n', ...NONE }],
    ['service="" ', { service: '', ...NONE }],
    ['service=true', { service: 'true', ...NONE }],
    ['root.service=web', { rootService: 'web', ...NONE }],
    ['duration >= 1.5s duration<= 2m', { minDurationUs: 1_500_000, maxDurationUs: 120_000_000, ...NONE }],
    ['duration<1h', { maxDurationUs: 3_599_999_999, ...NONE }],
    ['duration>1ms duration>3ms duration>=2ms', { minDurationUs: 3_001, ...NONE }],
    ['duration>=0us', { minDurationUs: 0, ...NONE }],
    ['a=1', attribute('a', 1)],
    ['a="1"', attribute('a', '1')],
    ['a=-0', attribute('a', 0)],
    ['a=-1.5e3', attribute('a', -1500)],
    ['a=9007199254740993', attribute('a', 9007199254740993n)],
    ['a=-9223372036854775808', attribute('a', -(2n ** 63n))],
    ['a=9223372036854775808', attribute('a', 2 ** 63)],
    ['a=9007199254740992.0', attribute('a', 2 ** 53)],
    ['a=01234', attribute('a', '01234')],
    ['a=10.0.0.1', attribute('a', '10.0.0.1')],
    ['a=true', attribute('a', true)],
    ['a=True', attribute('a', 'True')],
    ['a="true"', attribute('a', 'true')],
    ['a=NaN', attribute('a', 'NaN')],
    ['a!=5ms', attribute('a', '5ms', 'any', '!=')],
    ['a=*', { attributes: [{ on: 'any', key: 'a', test: { operator: 'exists' } }] }],
    ['a="*"', attribute('a', '*')],
    ['a<b', attribute('a', 'b', 'any', '<')],
    ['span.a=b', attribute('a', 'b', 'span')],
    ['root.a=b', attribute('a', 'b', 'root')],
    ['resource.root.a=b', attribute('root.a', 'b', 'resource')],
    ['"service"=b', attribute('service', 'b')],
    ['"root.a"=b', attribute('root.a', 'b')],
    ['root."service"=b', attribute('service', 'b', 'root')],
    ['span.service=b', attribute('service', 'b', 'span')],
    ['root=b', attribute('root', 'b')],
    ['größe=ü', attribute('größe', 'ü')],
    ['__proto__=1', attribute('__proto__', 1)],
  ])('%j', (text, expected) => {
    expect(parseQuery(text)).toEqual(expected);
  });

  it.each<[string, QueryFault, offset: number, length: number]>([
    ['checkout', 'no_operator', 0, 8],
    ['a=1 checkout b=2', 'no_operator', 4, 8],
    ['service:checkout', 'no_operator', 0, 16],
    ['a=1 && b=2', 'no_operator', 4, 2],
    ['=5', 'no_key', 0, 1],
    ['""=5', 'no_key', 0, 2],
    ['resource.=5', 'no_key', 9, 0],
    ['a=1 root.""=5', 'no_key', 9, 2],
    ['a=', 'no_value', 1, 1],
    ['a >=  ', 'no_value', 2, 2],
    ['a==5', 'bad_operator', 1, 2],
    ['a=~5', 'bad_operator', 1, 2],
    ['a=>5', 'bad_operator', 1, 2],
    ['service!=a', 'bad_operator', 7, 2],
    ['status > ok', 'bad_operator', 7, 1],
    ['duration=5ms', 'bad_operator', 8, 1],
    ['a!=*', 'bad_operator', 1, 2],
    ['status=fine', 'bad_value', 7, 4],
    ['duration>5', 'bad_value', 9, 1],
    ['duration>-5ms', 'bad_value', 9, 4],
    ['duration>9999999999h', 'bad_value', 9, 11],
    ['a=1e999', 'bad_value', 2, 5],
    ['a=b=c', 'no_space', 3, 1],
    ['a="b"c=d', 'no_space', 5, 1],
    ['a=it"s', 'no_space', 4, 1],
    ['a= status=ok', 'no_space', 9, 1],
    ['a="b c=d', 'unclosed', 2, 6],
    ['a="b\\', 'bad_escape', 4, 1],
    ['a="b\\x41"', 'bad_escape', 4, 2],
    ['a="b\\u12g4"', 'bad_escape', 4, 2],
    ['a="b\nc"', 'bad_character', 4, 1],
    ['service=a service=b', 'twice', 10, 7],
    ['duration>2s duration<2s', 'contradiction', 21, 2],
    ['duration<0us', 'contradiction', 9, 3],
  ])('%j is %s at %i', (text, fault, offset, length) => {
    const error = faultOf(text);
    expect(error && [error.fault, error.offset, error.length]).toEqual([fault, offset, length]);
  });

  it('says where, what is wrong and what would be right', () => {
    expect(faultOf('a=1 duration>250')?.message).toBe(
      'at character 14: "250" is not a duration; want a number and a unit, us, ms, s, m or h, for example 250ms or 1.5s',
    );
    expect(faultOf('status=broken')?.message).toBe('at character 8: "broken" is not a status; want ok or error');
    expect(faultOf(`a="${'\\'.repeat(999)}`)?.message.length).toBeLessThan(200);
  });

  it('takes lines up to a length and a number of conditions', () => {
    const conditions = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=${i}`).join(' ');
    expect(parseQuery(conditions(MAX_QUERY_CONDITIONS)).attributes).toHaveLength(MAX_QUERY_CONDITIONS);
    expect(faultOf(conditions(MAX_QUERY_CONDITIONS + 1))).toMatchObject({
      fault: 'too_many',
      offset: conditions(MAX_QUERY_CONDITIONS).length + 1,
    });
    expect(faultOf(`a=${'b'.repeat(MAX_QUERY_CHARS - 2)}`)).toBeNull();
    expect(faultOf(`a=${'b'.repeat(MAX_QUERY_CHARS)}`)).toMatchObject({
      fault: 'too_long',
      offset: MAX_QUERY_CHARS,
      length: 2,
    });
  });

  it('reads what formatQuery writes as the same conditions', () => {
    fc.assert(
      fc.property(arbitraryConditions, (conditions) => {
        expect(parseQuery(formatQuery(conditions))).toStrictEqual(conditions);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is not what a line can ask of one of several values', () => {
    const test = { operator: 'in', values: [1] } as const;
    expect(() => formatQuery({ attributes: [{ on: 'any', key: 'code', test }] })).toThrow('code: a line has no test');
  });

  it('throws nothing but a QueryError whose place is in the text, whatever the text is', () => {
    const pieces = fc.constantFrom(
      ...[
        'service',
        'duration',
        'root.',
        'resource."',
        'status',
        'a',
        '"',
        '\\',
        '\\u00',
        '=',
        '!',
        '>',
        '<',
        '~',
        '*',
      ],
      ...[' ', '\n', '250ms', '1e', '-', '.', '9'.repeat(400), 'true', '😀', '\ud83d', '\0', '\u2028', '“'],
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.array(pieces, { maxLength: 30 }).map((list) => list.join('')),
      fc.string({ minLength: MAX_QUERY_CHARS - 2, maxLength: MAX_QUERY_CHARS + 2 }),
    );
    const seen = new Set<QueryFault | 'none'>();
    fc.assert(
      fc.property(texts, (text) => {
        const error = faultOf(text);
        seen.add(error?.fault ?? 'none');
        if (error === null) {
          const read: TraceConditions = parseQuery(text);
          expect(parseQuery(formatQuery(read))).toStrictEqual(read);
          return;
        }
        expect(error.offset).toBeGreaterThanOrEqual(0);
        expect(error.length).toBeGreaterThanOrEqual(0);
        expect(error.offset + error.length).toBeLessThanOrEqual(text.length);
        expect(error.message.length).toBeLessThan(300);
      }),
      { numRuns: 5_000 },
    );
    expect(seen.size).toBeGreaterThan(8);
  });
});

describe('formatQuery', () => {
  it('writes what people would', () => {
    const line =
      'service=checkout root.operation="GET /cart" duration>=250ms duration<=2m status=error http.response.status_code>=500 resource.region=eu error.type=*';
    expect(formatQuery(parseQuery(line))).toBe(line);
  });
});
