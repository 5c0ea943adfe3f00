import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesSearch } from '../../../model/query/matches-search.ts';
import type { AttributeValue, Span, SpanKind, StatusCode } from '../../../model/span.ts';
import { SPANSET_OPERATORS, type Stage } from '../../../model/traceql/ast.ts';
import { compileExpression, isTrue } from '../../../model/traceql/compile-expression.ts';
import { compilePipeline, fieldsOf } from '../../../model/traceql/evaluate.ts';
import { formatField } from '../../../model/traceql/format.ts';
import { parseTraceQL } from '../../../model/traceql/parse.ts';
import { necessaryOf } from '../../../model/traceql/plan.ts';
import { viewTrace } from '../../../model/traceql/trace-view.ts';
import { formatValue } from '../../../model/traceql/value.ts';

interface Given {
  readonly id: string;
  readonly parent?: string;
  readonly name?: string;
  readonly service?: string;
  readonly kind?: SpanKind;
  readonly status?: StatusCode;
  readonly startUs?: number;
  readonly durationUs?: number;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly events?: readonly string[];
}

function span({ id, parent, service = 'shop', events = [], ...rest }: Given): Span {
  return {
    traceId: '000000000000000000000000000000ab',
    spanId: id,
    ...(parent === undefined ? {} : { parentSpanId: parent }),
    name: rest.name ?? id,
    kind: rest.kind ?? 'internal',
    startUs: rest.startUs ?? 1_000_000,
    durationUs: rest.durationUs ?? 1_000,
    state: 'ended',
    status: { code: rest.status ?? 'unset' },
    attributes: rest.attributes ?? {},
    events: events.map((name) => ({ name, timeUs: 1_000_500, attributes: { 'exception.type': name.toUpperCase() } })),
    links: [],
    resource: { attributes: { 'service.name': service, region: 'eu' } },
    scope: { name: 'test', version: '1.2' },
  };
}

//      root (shop)
//      ├─ cart (cart)      ├─ pay (pay, error)
//      │  ├─ sql1          │  └─ charge
//      │  └─ sql2
const TRACE = [
  span({ id: 'root', kind: 'server', durationUs: 900_000, attributes: { 'http.response.status_code': 500, ok: true } }),
  span({ id: 'cart', parent: 'root', service: 'cart', durationUs: 200_000, events: ['hit', 'miss'] }),
  span({ id: 'sql1', parent: 'cart', service: 'cart', kind: 'client', attributes: { db: 'orders', rows: 2 } }),
  span({ id: 'sql2', parent: 'cart', service: 'cart', kind: 'client', attributes: { db: 'stock', rows: 2.5 } }),
  span({
    id: 'pay',
    parent: 'root',
    service: 'pay',
    status: 'error',
    durationUs: 400_000,
    attributes: { list: [1], empty: null },
  }),
  span({ id: 'charge', parent: 'pay', service: 'pay', name: 'POST /charge', kind: 'client' }),
];

/** The spans found, spansets apart. */
function find(query: string, spans: readonly Span[] = TRACE): string[][] {
  const view = viewTrace(spans);
  const run = compilePipeline(parseTraceQL(query).stages);
  return run(view).map(({ rows }) => rows.map((row) => view.tree.spans[row]!.spanId));
}

const ALL = ['root', 'cart', 'sql1', 'sql2', 'pay', 'charge'];

describe('a filter', () => {
  it.each<[string, string[]]>([
    ['{}', ALL],
    ['{ name = "cart" }', ['cart']],
    ['{ resource.service.name = "cart" && kind = client }', ['sql1', 'sql2']],
    ['{ .region = "eu" && span.db = "orders" }', ['sql1']],
    ['{ span.region = "eu" }', []],
    ['{ status = error }', ['pay']],
    ['{ status != error && duration >= 200ms }', ['root', 'cart']],
    ['{ duration > 0.2s }', ['root', 'pay']],
    ['{ traceDuration < 1s && rootName = "root" && rootServiceName = "shop" }', ALL],
    ['{ trace:id = "ab" }', ALL],
    ['{ span:id = "pay" || span:parentID = "pay" }', ['pay', 'charge']],
    ['{ name =~ "POST .*" }', ['charge']],
    ['{ name =~ "POST" }', []],
    ['{ name !~ "sql.|POST.*" }', ['root', 'cart', 'pay']],
    ['{ .db != "orders" }', ['sql2']],
    ['{ .db != nil }', ['sql1', 'sql2']],
    ['{ .db = nil }', ['root', 'cart', 'pay', 'charge']],
    ['{ nil = nil }', []],
    ['{ .ok }', ['root']],
    ['{ !.ok }', []],
    ['{ .rows = 2 }', ['sql1']],
    ['{ .rows > 2 }', ['sql2']],
    ['{ .rows * 2 = 5 }', ['sql2']],
    ['{ .db > "p" }', ['sql2']],
    ['{ .db = 2 }', []],
    ['{ .list = 1 || .list != 1 }', []],
    ['{ .list != nil }', ['pay']],
    ['{ .empty != nil }', []],
    ['{ event:name = "miss" }', ['cart']],
    ['{ event:name != "miss" }', []],
    ['{ event.exception.type =~ "H.*" }', ['cart']],
    ['{ event:timeSinceStart >= 500us }', ['cart']],
    ['{ instrumentation:version = "1.2" && name = "pay" }', ['pay']],
    ['{ nestedSetParent < 0 }', ['root']],
    ['{ nestedSetLeft = 2 && nestedSetRight = 7 }', ['cart']],
    ['{ span:childCount = 2 }', ['root', 'cart']],
    ['{ http.response.status_code = 500 || true }'.replace('http', '.http'), ALL],
    ['{ .http.response.status_code >= 500 && .http.response.status_code < 600 }', ['root']],
  ])('%s', (query, spans) => {
    expect(find(query).flat()).toEqual(spans);
  });
});

describe('between spansets', () => {
  it.each<[string, string[]]>([
    ['{ name = "cart" } && { name = "pay" }', ['cart', 'pay']],
    ['{ name = "cart" } && { name = "none" }', []],
    ['{ name = "cart" } || { name = "none" }', ['cart']],
    ['{ name = "root" } >> { kind = client }', ['sql1', 'sql2', 'charge']],
    ['{ name = "root" } > { }', ['cart', 'pay']],
    ['{ kind = client } < { }', ['cart', 'pay']],
    ['{ name = "sql1" } << { }', ['root', 'cart']],
    ['{ name = "sql1" } ~ { }', ['sql2']],
    ['{ kind = client } ~ { kind = client }', ['sql1', 'sql2']],
    ['{ name = "cart" } !>> { }', ['root', 'cart', 'pay', 'charge']],
    ['{ name = "root" } !> { kind = client }', ['sql1', 'sql2', 'charge']],
    ['{ name = "none" } !~ { name = "pay" }', ['pay']],
    ['{ status = error } &>> { }', ['pay', 'charge']],
    ['{ kind = client } &< { name = "cart" }', ['cart', 'sql1', 'sql2']],
    ['({ name = "cart" } > { }) && { name = "pay" }', ['sql1', 'sql2', 'pay']],
    ['({ kind = client } | count() > 2) && { name = "pay" }', ['sql1', 'sql2', 'pay', 'charge']],
    ['({ kind = client } | count() > 3) && { name = "pay" }', []],
  ])('%s', (query, spans) => {
    expect(find(query).flat()).toEqual(spans);
  });
});

describe('a pipeline', () => {
  it.each<[string, string[][]]>([
    ['{ kind = client } | { .db != nil }', [['sql1', 'sql2']]],
    ['{ kind = client } | count() = 3', [['sql1', 'sql2', 'charge']]],
    ['{ kind = client } | count() > 3', []],
    ['count() > 5', [ALL]],
    ['{ } | avg(duration) > 250ms', [ALL]],
    ['{ } | max(duration) = 900ms | { name = "pay" }', [['pay']]],
    ['{ } | sum(.rows) = 4.5', [ALL]],
    ['{ } | min(.rows) < max(.rows)', [ALL]],
    ['{ } | min(.nothing) < 5', []],
    ['{ kind = client } | by(resource.service.name)', [['sql1', 'sql2'], ['charge']]],
    [
      '{ } | by(kind) | count() > 1',
      [
        ['cart', 'pay'],
        ['sql1', 'sql2', 'charge'],
      ],
    ],
    ['{ } | by(kind) | count() > 1 | coalesce()', [['cart', 'sql1', 'sql2', 'pay', 'charge']]],
    ['{ name = "pay" } | select(.db, status)', [['pay']]],
  ])('%s', (query, spansets) => {
    expect(find(query)).toEqual(spansets);
  });

  it('says by what it grouped and what it counted', () => {
    const found = compilePipeline(parseTraceQL('{ } | by(kind) | avg(duration) > 1ms').stages)(viewTrace(TRACE));
    const said = found.map(({ attributes }) => attributes.map(([name, value]) => `${name}: ${formatValue(value)}`));
    expect(said).toEqual([
      ['by(kind): server', 'avg(duration): 900ms'],
      ['by(kind): internal', 'avg(duration): 300ms'],
    ]);
  });

  it('names the fields that it is about', () => {
    const { stages } = parseTraceQL(
      '({ .a = 1 } >> { name = "x" && !.b }) && { .a > 2 } | max(.c) > 1 | by(.d) | select(span.e, kind)',
    );
    expect(fieldsOf(stages).map(formatField)).toEqual(['.a', 'name', '.b', '.c', '.d', 'span.e', 'kind']);
  });
});

describe('a trace', () => {
  it('without a root has none', () => {
    const headless = [span({ id: 'a', parent: 'gone' }), span({ id: 'b', parent: 'a' })];
    expect(find('{ rootName = nil && rootServiceName = nil }', headless)).toEqual([['a', 'b']]);
    expect(find('{ nestedSetParent < 0 }', headless)).toEqual([['a']]);
  });

  it('of 32,000 spans, one below the other, is looked at like any other', () => {
    const deep = Array.from({ length: 32_000 }, (_, i) =>
      span({ id: `s${i}`, ...(i > 0 ? { parent: `s${i - 1}` } : {}), attributes: { i } }),
    );
    expect(find('{ .i = 0 } >> { .i >= 31999 }', deep)).toEqual([['s31999']]);
    expect(find('{ name =~ "(s+)+9999" } << { } | count() > 9000', deep)[0]).toHaveLength(9_999);
  });
});

const names = fc.constantFrom('a', 'b', 'c');
const spans: fc.Arbitrary<Span[]> = fc
  .array(
    fc.record({
      parent: fc.option(fc.nat(9), { nil: undefined }),
      name: names,
      service: names,
      kind: fc.constantFrom<SpanKind>('server', 'client'),
      status: fc.constantFrom<StatusCode>('ok', 'error'),
      durationUs: fc.nat(5),
      x: fc.option(fc.oneof(fc.integer({ min: -2, max: 3 }), fc.boolean(), names, fc.constant(0.5)), {
        nil: undefined,
      }),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((given) =>
    given.map(({ parent, x, ...rest }, i) =>
      span({
        ...rest,
        id: `s${i}`,
        ...(parent === undefined ? {} : { parent: `s${parent}` }),
        ...(x === undefined ? {} : { attributes: { x } }),
      }),
    ),
  );
const comparison = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('name', 'resource.service.name', 'rootName', 'rootServiceName'),
      fc.constantFrom('=', '!='),
      names,
    )
    .map(([field, operator, value]) => `${field} ${operator} "${value}"`),
  fc
    .tuple(
      fc.constantFrom('.x', 'span.x'),
      fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
      fc.constantFrom('-1', '0', '0.5', '2', '"b"', 'nil'),
    )
    .filter(([, operator, value]) => value !== 'nil' || operator === '=' || operator === '!=')
    .map((parts) => parts.join(' ')),
  fc
    .tuple(fc.constantFrom('duration', 'traceDuration'), fc.constantFrom('=', '<', '>', '>='), fc.nat(6))
    .map(([field, operator, us]) => `${us}us ${operator} ${field}`),
  fc.constantFrom(
    'status = error',
    'status = ok',
    'kind = client',
    '.x',
    '.x =~ "a|b"',
    '.x =~ "a"',
    'resource.service.name =~ "a|c"',
    'name =~ "b|b"',
    'true',
    '.x + 1 > 2',
  ),
);
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    comparison,
    fc.tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition')).map(([a, by, b]) => `(${a} ${by} ${b})`),
  ),
}));
const { spansets, pipeline } = fc.letrec<{ spansets: string; pipeline: string }>((tie) => ({
  spansets: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    condition.map((text) => `{ ${text} }`),
    fc
      .tuple(tie('spansets'), fc.constantFrom(...SPANSET_OPERATORS), tie('spansets'))
      .map(([a, by, b]) => `(${a} ${by} ${b})`),
  ),
  pipeline: fc
    .tuple(tie('spansets'), fc.constantFrom('', ' | count() > 1', ' | by(kind)', ' | { .x != nil }'))
    .map(([a, b]) => a + b),
}));

type Rows = ReadonlySet<number>;

/** What a spanset expression finds, by its plain definition: for each span, looking at all others. */
function plainly(text: string, given: readonly Span[]): Rows {
  const view = viewTrace(given);
  const { spans: rows, parent } = view.tree;
  const above = (row: number): number[] => (parent[row]! < 0 ? [] : [parent[row]!, ...above(parent[row]!)]);
  const related: Readonly<Record<string, (row: number, to: number) => boolean>> = {
    '>': (row, to) => parent[row] === to,
    '<': (row, to) => parent[to] === row,
    '>>': (row, to) => above(row).includes(to),
    '<<': (row, to) => above(to).includes(row),
    '~': (row, to) => row !== to && parent[row]! >= 0 && parent[row] === parent[to],
  };
  const inverse: Readonly<Record<string, string>> = { '>': '<', '<': '>', '>>': '<<', '<<': '>>', '~': '~' };
  const where = (from: Rows, holds: (row: number) => boolean) => new Set([...from].filter(holds));
  const evaluate = (stage: Stage): Rows => {
    if (stage.kind === 'filter') {
      const holds = compileExpression(stage.expression);
      return where(new Set(rows.keys()), (row) => isTrue(holds(view, row)));
    }
    if (stage.kind !== 'operation') throw new Error(stage.kind);
    const [left, right] = [evaluate(stage.left), evaluate(stage.right)];
    const both = new Set([...left, ...right]);
    if (stage.operator === '||') return both;
    if (stage.operator === '&&') return left.size > 0 && right.size > 0 ? both : new Set();
    const relation = stage.operator.replace(/[!&]/, '');
    const some = (row: number, of: Rows, by: string) => [...of].some((to) => related[by]!(row, to));
    const found = where(right, (row) => some(row, left, relation) !== stage.operator.startsWith('!'));
    if (!stage.operator.startsWith('&')) return found;
    return new Set([...found, ...where(left, (row) => some(row, right, inverse[relation]!))]);
  };
  return evaluate(parseTraceQL(text).stages[0]!);
}

describe('any spansets', () => {
  it('are those of the plain definition', () => {
    fc.assert(
      fc.property(spansets, spans, (text, given) => {
        const found = compilePipeline(parseTraceQL(text).stages)(viewTrace(given)).flatMap(({ rows }) => rows);
        expect(found).toEqual([...plainly(text, given)].sort((a, b) => a - b));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('the conditions of a query', () => {
  it('hold of every trace that it finds', () => {
    fc.assert(
      fc.property(pipeline, spans, (text, given) => {
        const { stages } = parseTraceQL(text);
        const view = viewTrace(given);
        if (compilePipeline(stages)(view).length === 0) return;
        const facts = {
          startUs: view.startUs,
          durationUs: view.durationUs,
          status: view.tree.spans.some(({ status }) => status.code === 'error') ? 'error' : 'ok',
        } as const;
        const search = { ...necessaryOf(stages), startUs: 0, endUs: Number.MAX_SAFE_INTEGER };
        expect(matchesSearch(facts, given, search), JSON.stringify(search)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    [
      '{ resource.service.name = "a" && name = "b" && .x >= 500 && status = error && duration > 2ms }',
      { service: 'a', operation: 'b', status: 'error', minDurationUs: 2000, attributes: [['any', 'x', '>=', 500]] },
    ],
    [
      '{ name = "b" } >> { resource.service.name = "a" && span.x = true }',
      {
        operation: 'b',
        attributes: [
          ['span', 'x', '=', true],
          ['resource', 'service.name', '=', 'a'],
        ],
      },
    ],
    ['{ .x =~ "a.*" && rootServiceName = "r" }', { rootService: 'r', attributes: [['any', 'x', 'exists', undefined]] }],
    ['{ .x = 1 && name = "b" } || { name = "b" && .y = 2 }', { operation: 'b', attributes: [] }],
    ['{ .x = 1 || .x = "b" || .x =~ "c|(d)" }', { attributes: [['any', 'x', 'in', [1, 'b', 'c', 'd']]] }],
    ['{ resource.service.name =~ "a|b" }', { attributes: [['resource', 'service.name', 'in', ['a', 'b']]] }],
    [
      '{ resource.service.name = "a" && .x } || { resource.service.name = "b" && .x }',
      {
        attributes: [
          ['any', 'x', '=', true],
          ['resource', 'service.name', 'in', ['a', 'b']],
        ],
      },
    ],
    ['{ name =~ "GET /cart" && rootName =~ "a." }', { operation: 'GET /cart', attributes: [] }],
    ['{ .x = 1 || .x > 5 }', { attributes: [['any', 'x', 'exists', undefined]] }],
    ['{ .x = nil }', { attributes: [] }],
    ['{ .x != nil } | count() > 3', { attributes: [['any', 'x', 'exists', undefined]] }],
    ['{ traceDuration > 1ms && traceDuration < 2ms }', { minDurationUs: 1000, maxDurationUs: 2000, attributes: [] }],
    ['{ name = "a" } !>> { .x = 1 }', { attributes: [['any', 'x', '=', 1]] }],
  ])('are as many as can be: %s', (text, expected) => {
    const { attributes, ...rest } = necessaryOf(parseTraceQL(text).stages);
    const short = attributes.map(({ on, key, test }) => [
      on,
      key,
      test.operator,
      'value' in test ? test.value : 'values' in test ? test.values : undefined,
    ]);
    expect({ ...rest, attributes: short }).toEqual(expected);
  });
});
