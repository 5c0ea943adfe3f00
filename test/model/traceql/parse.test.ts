import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_QUERY_CONDITIONS } from '../../../model/limits.ts';
import type { Span } from '../../../model/span.ts';
import { type Expression, type Field, METRICS, ORDERS, type Query, type Stage } from '../../../model/traceql/ast.ts';
import { compilePipeline } from '../../../model/traceql/evaluate.ts';
import { formatQuery } from '../../../model/traceql/format.ts';
import { parseIdentifier, parseTraceQL } from '../../../model/traceql/parse.ts';
import { necessaryOf } from '../../../model/traceql/plan.ts';
import { viewTrace } from '../../../model/traceql/trace-view.ts';
import { TraceQLError } from '../../../model/traceql/traceql-error.ts';
import type { Literal } from '../../../model/traceql/value.ts';

/** The one error that text may make. */
function messageOf(text: string): string {
  try {
    parseTraceQL(text);
  } catch (error) {
    if (error instanceof TraceQLError) return error.message;
    throw error;
  }
  return 'no error';
}

function filterOf(text: string): Expression {
  const stage = parseTraceQL(text).stages[0]!;
  if (stage.kind !== 'filter') throw new Error(`${text} is a ${stage.kind}`);
  return stage.expression;
}

// What Tempo's own parser says, from its tests.
describe("Tempo's errors", () => {
  it.each([
    ['', 'parse error : syntax error: unexpected $end'],
    ['{ .a } | { .b', 'parse error at line 1, col 14: syntax error: unexpected $end'],
    ['{ .a | .b }', 'parse error at line 1, col 6: syntax error: unexpected |'],
    ['({ .a } | { .b }', 'parse error at line 1, col 17: syntax error: unexpected $end, expecting ) or |'],
    [
      '({ .a } | { .b }) + ({ .a } | { .b })',
      'parse error at line 1, col 19: syntax error: unexpected +, expecting with',
    ],
    ['by(.a) && { .b }', 'parse error at line 0, col 8: syntax error: unexpected &&, expecting with'],
    ['by()', 'parse error at line 1, col 4: syntax error: unexpected )'],
    ['coalesce()', 'parse error at line 1, col 1: syntax error: unexpected coalesce'],
    ['select(.a) && { .b }', 'parse error at line 0, col 12: syntax error: unexpected &&, expecting with'],
    ['select()', 'parse error at line 1, col 8: syntax error: unexpected )'],
    ['{ true } &&', 'parse error at line 1, col 12: syntax error: unexpected $end, expecting { or ('],
    ['(avg(.foo) > count()) + sum(.bar)', 'parse error at line 1, col 23: syntax error: unexpected +, expecting with'],
    ['count(', 'parse error at line 1, col 7: syntax error: unexpected $end, expecting )'],
    ['count(avg)', 'parse error at line 1, col 7: syntax error: unexpected avg, expecting )'],
    ['count(.thing)', 'parse error at line 1, col 7: syntax error: unexpected ., expecting )'],
    ['wharblgarbl', 'parse error at line 1, col 1: syntax error: unexpected IDENTIFIER'],
    ['{ 2 <> 3}', 'parse error at line 1, col 6: syntax error: unexpected >'],
    ['{ 2 = .b ', 'parse error at line 1, col 10: syntax error: unexpected $end'],
    ['{ + }', 'parse error at line 1, col 3: syntax error: unexpected +'],
    ['{ . foo }', 'parse error at line 1, col 3: syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER'],
    ['{ . "foo" }', 'parse error at line 1, col 3: syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER'],
    ['{ .foo .bar }', 'parse error at line 1, col 8: syntax error: unexpected .'],
    [
      '{ parent. }',
      'parse error at line 0, col 3: syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER or resource. or span.',
    ],
    ['.3foo', 'parse error at line 1, col 3: syntax error: unexpected IDENTIFIER'],
    ['{ ."foo }', 'parse error at line 0, col 3: unexpected EOF, expecting "'],
  ])('%s', (text, message) => {
    expect(messageOf(text)).toBe(message);
  });

  it.each([
    ['{ .a = "b }', 'parse error at line 1, col 8: literal not terminated'],
    ['{ .a = "\\q" }', 'parse error at line 1, col 8: invalid char escape'],
    ['{ .a =\n\n  ! }', 'parse error at line 3, col 5: syntax error: unexpected }'],
    ['{ .🤘 ]', 'parse error at line 1, col 6: syntax error: unexpected IDENTIFIER'],
    ['{ name = "x" } | count()', 'parse error at line 1, col 25: syntax error: unexpected $end'],
    ['{ status = error } | rate', 'parse error at line 1, col 26: syntax error: unexpected $end, expecting ('],
  ])('and their places, where its tests have none: %s', (text, message) => {
    expect(messageOf(text)).toBe(message);
  });

  it.each([
    ['{ status }', 'span filter field expressions must resolve to a boolean: { status }'],
    ['{ 1 = "foo" }', 'binary operations must operate on the same type: 1 = `foo`'],
    ['{ duration > "test" && true }', 'binary operations must operate on the same type: duration > `test`'],
    ['{ status > ok }', 'illegal operation for the given types: status > ok'],
    ['{ -true }', 'illegal operation for the given type: -true'],
    ['{ true } | by(1)', 'grouping field expressions must reference the span: by(1)'],
    ['{ true } | sum(3) = 2', 'aggregate field expressions must reference the span: sum(3)'],
    ['{ true } | max(name) = 2', 'aggregate field expressions must resolve to a number type: max(name)'],
    ['{ parent.a != 3 }', 'parent not yet supported'],
    ['{ } | rate() | topk(0)', 'topk() needs at least one series'],
    ['{ } | rate() | { }', 'parse error at line 1, col 16: syntax error: unexpected {, expecting topk or bottomk'],
    ['3 = 2', 'scalar filter lhs of type (Static) not yet supported'],
    ['{ .a =~ "[" }', 'invalid regex: [: a [ is not closed, at character 2 of the pattern'],
    ['{ } | rate() by(.a,.b,.c,.d,.e,.f)', 'currently only 5 group by values are supported'],
  ])('of types: %s', (text, message) => {
    expect(messageOf(text)).toBe(message);
  });
});

// Tempo's own lists (`test_examples.yaml`), without what is said above.
describe('what Tempo takes', () => {
  it.each([
    ...[
      '{ true }',
      '{ !true }',
      '{ 1 >= 2 }',
      '{ -1 = 2 }',
      '{ "test" !~ "test" }',
      '{ .a }',
      '{ !.a }',
      '{ .a || true }',
    ],
    ...[
      '{ -.a = 2 }',
      '{ .a =~ "test" }',
      '{ !("test" != .c || ((true && .b) || 3 < .a)) }',
      '{ statusMessage != "" }',
    ],
    ...['{ kind = consumer }', '{ traceDuration > 1s }', '{ rootServiceName = "foo" }', '{ rootName != "foo" }'],
    ...[
      '{ 1 < 1h }',
      '{ event.foo = "bar" }',
      '{ trace:rootService = "a" }',
      '{ trace:id = "aasdf4ergf" }',
      '{ .foo = nil }',
    ],
    ...[
      '{ event:timeSinceStart > 1s }',
      '{ link:spanID = "f1f1f1f1f1f1f1f1" }',
      '{ instrumentation:version = "v3.34" }',
    ],
    ...[
      '{ duration > 1s * 2s }',
      '{ 1 ^ 1 = 2 }',
      '{ .http.status >= "200" }',
      '{ true } << { true }',
      '{ true } !~ { true }',
    ],
    ...[
      '{ true } &>> { true }',
      '({ true } | count() > 1 | { false }) >> ({ true } | count() > 1 | { false })',
      'avg(.field) > 1',
    ],
    ...[
      'max(duration) > 3s | { status = error || .http.status = 500 }',
      '{} | select(.a,.b,.c)',
      'count() = 1 | { true }',
    ],
    ...['{ true } | max((1 + .a) * 2) = 1', '{ true } | by(1 + .a) | coalesce()', '{ true } | by(name) | count() > 2'],
    ...['{} | rate()', '{} | count_over_time() by (name) with(sample=0.1)', '{ nestedSetLeft > 3 }'],
    ...[
      '{} | quantile_over_time(duration, 0, 0.9, 1) by (span.http.path)',
      '{ } >> { kind = server } | select(nestedSetLeft)',
    ],
    // Those of its documentation.
    '{ span:duration < 5ms } | count_over_time() by(resource.service.name) | topk(10)',
    '{ span."attribute name with space" = "value" && event:timeSinceStart > -5s && span.retry_count > -1 }',
    '{ span.foo = "bar" } >> { status = error } with (most_recent=true)',
    '{ resource.service.name = "foo" } | rate() by (instrumentation:name)',
    '{ span.http.request_content_length > 10 * 1024 * 1024 } | sum(span.bytesProcessed) > 1000000000',
    // Those that Grafana's search form and its drill-down make.
    '{resource.service.name="shop" && name="GET /cart" && duration>100ms && status=error}',
    '{nestedSetParent<0 && true && resource.service.name != nil} | rate() by(resource.service.name)',
    '({nestedSetParent<0 && true && status = error} &>> { status = error }) || ({status = error}) | select(status, name)',
  ])('%s', (text) => {
    expect(messageOf(text)).toBe('no error');
  });

  it.each([
    ...['true', '[ true ]', '( true )', '{ . }', '{ < }', '{ .a < }', '{ .a < 3', '{ (.a < 3 }', '{ attribute = 4 }'],
    ...['{ .attribute == 4 }', '{ span. }', '{ true } - { true }', '{ true } = { true }', '{ true } >= { true }'],
    ...[
      'max(name) = "foo"',
      'max(duration) < ok',
      'avg(.field) + 1',
      'sum(3) - 2',
      'select(.a',
      'select(1 + "string")',
    ],
    ...['coalesce() | { true }', 'count() > 3 && { true }', '{ true } | count()', '{ true } | notAnAggregate() = 1'],
    ...[
      '{ true } | count = 1',
      '{ true } | max() = 1',
      '{ trace:status = error }',
      '{ span:rootName = "bar" }',
      '{ 1 + 1 }',
    ],
    ...[
      '{ ok }',
      '{ 1h }',
      '{ 1 - true = 1 }',
      '{ true || 1.1 }',
      '{ rootServiceName = 1 }',
      '{ -ok = status }',
      '{ !1 = 1 }',
    ],
  ])('and what it does not: %s', (text) => {
    expect(messageOf(text)).not.toBe('no error');
  });
});

describe('the tree', () => {
  it('has the precedence of Tempo', () => {
    const text = (query: string) => formatQuery(parseTraceQL(query));
    expect(text('{ .a * .b + .c = .d }')).toBe('{ ((.a * .b) + .c) = .d }');
    expect(text('{ .a = !.b && .c }')).toBe('{ (.a = (!.b)) && .c }');
    expect(text('{ .c - -.a + .b = 1 }')).toBe('{ ((.c - (-.a)) + .b) = 1 }');
    expect(text('{ .a ^ .b ^ .c = 1 }')).toBe('{ (.a ^ (.b ^ .c)) = 1 }');
    // `&&` and `||` bind alike.
    expect(text('{ .a || .b && .c }')).toBe('{ (.a || .b) && .c }');
    expect(text('{.a} && {.b} >> {.c} ~ {.d}')).toBe('({ .a }) && ((({ .b }) >> ({ .c })) ~ ({ .d }))');
  });

  it('knows names in all their forms', () => {
    const name = (text: string) => {
      const field = parseIdentifier(text);
      return field.kind === 'attribute' ? [field.scope, field.name] : [field.name];
    };
    expect(name('."bar z".foo."b\\"ar"')).toEqual(['none', 'bar z.foo.b"ar']);
    expect(name('.http-other+3')).toEqual(['none', 'http-other+3']);
    expect(name('span.http.status_code')).toEqual(['span', 'http.status_code']);
    expect(name('resource.kind')).toEqual(['resource', 'kind']);
    expect(name('trace:rootService')).toEqual(['rootServiceName']);
    expect(name('span:name')).toEqual(['name']);
    expect(() => parseIdentifier('.a = 1')).toThrow(TraceQLError);
    expect(() => parseIdentifier('resource.a} || {.b')).toThrow(TraceQLError);
  });

  it('knows literals', () => {
    const literal = (text: string) => (filterOf(`{ .a = ${text} }`) as { right: { literal: Literal } }).right.literal;
    expect(literal('1.5m')).toEqual({ type: 'duration', value: 90e9 });
    expect(literal('1d12h')).toEqual({ type: 'duration', value: 36 * 3600e9 });
    expect(literal('250us')).toEqual({ type: 'duration', value: 250_000 });
    expect(literal('-3')).toEqual({ type: 'int', value: -3 });
    expect(literal('1e3')).toEqual({ type: 'float', value: 1000 });
    expect(literal('"a\\n\\u00e9\\x41\\101"')).toEqual({ type: 'string', value: 'a\né\x41A' });
    expect(literal('`a\\n`')).toEqual({ type: 'string', value: 'a\\n' });
    expect(literal('/* why not */ server // yes\n')).toEqual({ type: 'kind', value: 'server' });
  });

  it('is bounded', () => {
    expect(messageOf(`{ ${'('.repeat(100)}true${')'.repeat(100)} }`)).toMatch(/deeper than 64/);
    expect(messageOf(`{ ${'!'.repeat(100)}true }`)).toMatch(/deeper than 64/);
    expect(messageOf(`{ .a${' && .a'.repeat(300)} }`)).toMatch(/more than 256 operators/);
    expect(messageOf(`{ .a = "${'x'.repeat(20_000)}" }`)).toMatch(/more than 16384 characters/);
    expect(messageOf(`{ .a =~ "${'x'.repeat(600)}" }`)).toMatch(/more than 512 characters/);
    expect(messageOf(`{ .a${' && .a'.repeat(250)} }`)).toBe('no error');
  });
});

const name = fc.stringMatching(/^[a-z][a-z._ "0-9-]{0,6}$/);
const field: fc.Arbitrary<Field> = fc.oneof(
  fc.constantFrom('name', 'rootName', 'trace:id').map((intrinsic) => ({ kind: 'intrinsic', name: intrinsic }) as Field),
  fc.record({
    kind: fc.constant('attribute' as const),
    scope: fc.constantFrom('none', 'span', 'resource', 'event', 'link', 'instrumentation'),
    ofParent: fc.constant(false),
    name,
  }),
);
const number = fc.oneof(fc.nat(1e6), fc.integer({ min: -1e6, max: -1 }));
const literal: fc.Arbitrary<Literal> = fc.oneof(
  fc.string({ maxLength: 8 }).map((value): Literal => ({ type: 'string', value: value.replaceAll('\r', '') })),
  number.map((value): Literal => ({ type: 'int', value })),
  fc.integer().map((value): Literal => ({ type: 'float', value: value + 0.5 })),
  fc.nat(1e12).map((value): Literal => ({ type: 'duration', value })),
  fc.boolean().map((value): Literal => ({ type: 'bool', value })),
);
const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    field,
    fc.record({ kind: fc.constant('unary' as const), operator: fc.constant('!' as const), operand: field }),
    fc.record({
      kind: fc.constant('binary' as const),
      operator: fc.constantFrom(...ORDERS),
      left: field.filter(({ kind }) => kind === 'attribute'),
      right: literal.map((value): Expression => ({ kind: 'literal', literal: value })),
    }) as fc.Arbitrary<Expression>,
    fc.record({
      kind: fc.constant('binary' as const),
      operator: fc.constantFrom('&&' as const, '||' as const),
      left: tie('expression'),
      right: tie('expression'),
    }),
  ),
}));
const filter: fc.Arbitrary<Stage> = fc.record({ kind: fc.constant('filter' as const), expression });
const query: fc.Arbitrary<Query> = fc.record({
  stages: fc.array(
    fc.oneof(
      filter,
      fc.record({ kind: fc.constant('select' as const), fields: fc.array(field, { minLength: 1, maxLength: 3 }) }),
      fc.record({
        kind: fc.constant('operation' as const),
        operator: fc.constantFrom('&&', '||', '>>', '!~', '&<<'),
        left: filter,
        right: filter,
      }) as fc.Arbitrary<Stage>,
      fc.record({
        kind: fc.constant('scalar' as const),
        left: fc.constant({ kind: 'aggregate', name: 'count', of: null } as const),
        operator: fc.constantFrom(...ORDERS),
        right: number.map((value) => ({ kind: 'literal' as const, literal: { type: 'int' as const, value } })),
      }),
    ),
    { minLength: 1, maxLength: 3 },
  ),
  metric: fc.option(
    fc.record({
      name: fc.constantFrom('rate' as const, 'count_over_time' as const),
      of: fc.constant(null),
      quantiles: fc.constant([]),
      by: fc.array(field, { maxLength: 5 }),
      limits: fc.array(
        fc.record({
          name: fc.constantFrom('topk' as const, 'bottomk' as const),
          count: fc.integer({ min: 1, max: 99 }),
        }),
        {
          maxLength: 2,
        },
      ),
    }),
  ),
  hints: fc.array(
    fc.tuple(
      fc.constant('sample'),
      fc.constantFrom<Literal>({ type: 'bool', value: true }, { type: 'float', value: 0.5 }),
    ),
    { maxLength: 2 },
  ),
});

const SPAN: Span = {
  traceId: 'ab'.repeat(16),
  spanId: 'cd'.repeat(8),
  name: 'a',
  kind: 'server',
  startUs: 1,
  durationUs: 2,
  state: 'ended',
  status: { code: 'unset' },
  attributes: { a: 1, b: 'x', toString: true },
  events: [],
  links: [],
  resource: { attributes: {} },
  scope: { name: '' },
};

describe('any query', () => {
  it('is what is read of what is written of it', () => {
    fc.assert(
      fc.property(query, (given) => {
        const text = formatQuery(given);
        let parsed: Query;
        try {
          parsed = parseTraceQL(text);
        } catch (error) {
          // Types that do not go together are no matter of syntax.
          if (error instanceof TraceQLError && !error.message.startsWith('parse error')) return;
          throw error;
        }
        expect(formatQuery(parsed)).toBe(text);
        // Whatever was read can be asked, and searched for.
        expect(compilePipeline(parsed.stages)(viewTrace([SPAN])).length).toBeLessThanOrEqual(1);
        expect(necessaryOf(parsed.stages).attributes.length).toBeLessThanOrEqual(MAX_QUERY_CONDITIONS);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is read or refused, whatever it is', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...'{}()|&<>~!=.,"`-+*/%^',
        ' ',
        '\n',
        '//',
        '/*',
        'span.',
        'parent.',
        'trace:',
        'name',
        'count',
        '1s',
      ),
      fc.constantFrom('by', 'select', 'with', 'nil', 'error', '.a', '"x"', '2', '0.5', '=~', '&&', '>>', ...METRICS),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = pieces.join('');
        const message = messageOf(text);
        expect(message).not.toBe('');
        expect(() => parseIdentifier(text)).not.toThrow(TypeError);
      }),
      { numRuns: 20_000 },
    );
  });
});
