import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { MAX_NAME_CHARS } from '../../../model/limits.ts';
import { decodeSpans } from '../../../model/otlp/decode.ts';
import { TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import type { SearchValue } from '../../../model/query/conditions.ts';
import { matchesSearch } from '../../../model/query/matches-search.ts';
import { parseQuery } from '../../../model/query/parse-query.ts';
import type { Attributes, Span } from '../../../model/span.ts';

function span(part: Partial<Span> & { service?: string; of?: Attributes }): Span {
  const { service = 'shop', of = {}, ...rest } = part;
  return {
    traceId: '1'.repeat(32),
    spanId: '1'.repeat(16),
    name: 'GET /',
    kind: 'server',
    startUs: 1_000,
    durationUs: 10,
    state: 'ended',
    status: { code: 'unset' },
    attributes: {},
    events: [],
    links: [],
    resource: { attributes: { 'service.name': service, ...of } },
    scope: { name: '' },
    ...rest,
  };
}

const FACTS = { startUs: 1_000, durationUs: 250_000, status: 'ok' as const };
const EVER = { startUs: 0, endUs: 2_000 };
/** A key like any other, as `decodeSpans` makes it. */
const PROTO = Object.fromEntries([['__proto__', 1]]);
const ROOT = span({
  name: 'GET /cart',
  service: 'web',
  of: { region: 'eu' },
  attributes: { code: 200, hit: true, 'user.id': '9007199254740993', list: ['a'], both: 1, '5': 'x' },
});
const CHILD = span({
  name: 'reserve',
  service: 'stock',
  parentSpanId: '1'.repeat(16),
  startUs: 500,
  of: { region: 'us', both: 2 },
  attributes: { code: 503, load: 0.5, name: 'é', both: 3, nothing: null, ratio: 'Infinity', ...PROTO },
});

function matches(line: string, spans: readonly Span[] = [CHILD, ROOT], facts = FACTS): boolean {
  return matchesSearch(facts, spans, { ...parseQuery(line), ...EVER });
}

describe('matchesSearch', () => {
  it.each<[string, boolean]>([
    ['', true],
    // Service and operation are of one span.
    ['service=web', true],
    ['service=stock operation=reserve', true],
    ['service=web operation=reserve', false],
    ['operation="GET /cart"', true],
    ['service=we', false],
    // The root alone.
    ['root.service=web', true],
    ['root.service=stock', false],
    ['root.service=web root.operation="GET /cart"', true],
    ['root.operation=reserve', false],
    ['root.code=200', true],
    ['root.code=503', false],
    ['root.region=eu', true],
    ['root.region=us', false],
    // Each condition of any span, not all of the same one.
    ['code=503 hit=true', true],
    ['code=503 code=200', true],
    ['code>200 code<300', true],
    ['code>503', false],
    ['code>=503', true],
    ['code<200', false],
    ['code<=200', true],
    ['load=0.5', true],
    ['load>0.4 load<1', true],
    ['code>499.5', true],
    // Types differ.
    ['code="200"', false],
    ['code>"1"', false],
    ['hit="true"', false],
    ['hit>=false', true],
    ['hit>0', false],
    ['name="é"', true],
    ['name>=z', true],
    ['"5"=x', true],
    // Large integers are digits in a decoded span.
    ['user.id=9007199254740993', true],
    ['user.id=9007199254740992', false],
    ['user.id="9007199254740993"', true],
    ['user.id>9007199254740992', true],
    ['user.id>5 user.id<1e16', true],
    ['ratio=Infinity', true],
    ['ratio>5', false],
    // Where it is.
    ['region=eu', true],
    ['resource.region=us', true],
    ['span.region=us', false],
    ['resource.code=200', false],
    ['span.code=200', true],
    ['both=2', true],
    ['both=3', true],
    ['span.both=2', false],
    ['resource.both=3', false],
    ['resource.both=2', true],
    // What is missing never passes; what is there with another value or type does.
    ['missing=1', false],
    ['missing!=1', false],
    ['missing=*', false],
    ['code!=200', true],
    ['load!=0.5', false],
    ['load!="0.5"', true],
    ['root.code!=200', false],
    ['user.id!="9007199254740993"', false],
    ['list=*', true],
    ['list=a', false],
    ['list!=a', true],
    ['nothing=*', true],
    ['toString=*', false],
    ['constructor=*', false],
    ['__proto__=1', true],
    // Facts of the whole trace.
    ['duration>=250ms', true],
    ['duration>250ms', false],
    ['duration<=250ms', true],
    ['duration<250ms', false],
    ['status=ok', true],
    ['status=error', false],
    ['service=web status=ok duration>1ms code>=500 root.region=eu', true],
    ['service=web status=ok duration>1ms code>=600 root.region=eu', false],
  ])('%s: %s', (line, expected) => {
    expect(matches(line)).toBe(expected);
  });

  it('has traces that start in the range, bounds included', () => {
    const inRange = (startUs: number, endUs: number) =>
      matchesSearch(FACTS, [ROOT], { startUs, endUs, attributes: [] });
    expect(inRange(1_000, 1_000)).toBe(true);
    expect(inRange(0, 999)).toBe(false);
    expect(inRange(1_001, 2_000)).toBe(false);
  });

  it('takes the earliest root of several, and the earliest span of a headless trace', () => {
    const later = span({ service: 'later', startUs: 2_000 });
    expect(matches('root.service=web', [later, CHILD, ROOT])).toBe(true);
    expect(matches('root.service=later', [later, CHILD, ROOT])).toBe(false);
    const other = { ...CHILD, startUs: 400, name: 'other' };
    expect(matches('root.operation=other', [CHILD, other])).toBe(true);
  });

  it.each<[string, readonly SearchValue[], boolean]>([
    ['code', ['503', 503], true],
    ['code', ['503'], false],
    ['hit', ['true', true], true],
    ['user.id', [1, 9007199254740993n], true],
    ['missing', ['503', 503], false],
    ['code', [], false],
  ])('%s is one of %o: %s', (key, values, expected) => {
    const attributes = [{ on: 'any', key, test: { operator: 'in', values } }] as const;
    expect(matchesSearch(FACTS, [CHILD, ROOT], { ...EVER, attributes })).toBe(expected);
  });

  it('finds nothing of spans in a trace without any', () => {
    expect(matches('', [])).toBe(true);
    for (const line of ['service=web', 'root.service=web', 'root.code=*', 'code!=1']) {
      expect(matches(line, [])).toBe(false);
    }
  });

  it('compares names by as much as is indexed of them', () => {
    const name = 'n'.repeat(MAX_NAME_CHARS);
    expect(matches(`operation=${name}a`, [span({ name: `${name}b` })])).toBe(true);
    expect(matches(`operation=${name}`, [span({ name: name.slice(1) })])).toBe(false);
  });
  it('finds numbers of stored spans as they are, large ones and NaN too', () => {
    const attributes = [
      { key: 'int', value: { value: { case: 'intValue', value: 2n ** 53n + 1n } } },
      { key: 'low', value: { value: { case: 'intValue', value: -(2n ** 63n) } } },
      { key: 'double', value: { value: { case: 'doubleValue', value: 2 ** 53 + 2 } } },
      { key: 'nan', value: { value: { case: 'doubleValue', value: Number.NaN } } },
    ] as const;
    const traces = create(TracesDataSchema, {
      resourceSpans: [{ scopeSpans: [{ spans: [{ attributes: attributes.map((attribute) => ({ ...attribute })) }] }] }],
    });
    const spans = decodeSpans(toBinary(TracesDataSchema, traces), 'kept');
    const yes = ['int=9007199254740993', 'int<9007199254740993.9e0', 'low=-9223372036854775808', 'low<-9.2e18'];
    yes.push('double=9007199254740994', 'double>9007199254740993', 'nan=NaN');
    for (const line of yes) expect([line, matches(line, spans)]).toEqual([line, true]);
    const no = [
      'int=9007199254740992',
      'int>9007199254740993',
      'low=-9.3e18',
      'double=9007199254740993',
      'nan>0',
      'nan<=0',
    ];
    for (const line of no) expect([line, matches(line, spans)]).toEqual([line, false]);
  });
});
