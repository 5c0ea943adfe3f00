import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../model/histogram.ts';
import { SPAN_KINDS } from '../../model/span.ts';
import type { MinuteRow, OperationCell } from '../../model/statistics-row.ts';
import { parseTraceQL } from '../../model/traceql/parse.ts';
import { formatValue } from '../../model/traceql/value.ts';
import { parseOneStep, parseSteps } from '../../worker/compat/tempo/metric-params.ts';
import { type MetricPlan, planMetric } from '../../worker/compat/tempo/metric-plan.ts';
import { SeriesSum, type Steps } from '../../worker/compat/tempo/metric-series.ts';

interface Measured {
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly failed: boolean;
  readonly durationUs: number;
  readonly minute: number;
}

const MINUTE_US = 60_000_000;
const MINUTES = 6;

/** As a shard would count them, one row a minute. */
function rowsOf(spans: readonly Measured[]): MinuteRow[] {
  return Array.from({ length: MINUTES }, (_, minute) => {
    const operations: { service: string; name: string }[] = [];
    const cells = new Map<string, { -readonly [K in keyof OperationCell]: OperationCell[K] }>();
    for (const { service, name, kind, failed, durationUs } of spans.filter((span) => span.minute === minute)) {
      let operation = operations.findIndex((known) => known.service === service && known.name === name);
      if (operation < 0) operation = operations.push({ service, name }) - 1;
      const key = `${operation} ${kind}`;
      const empty = { operation, kind, spans: 0, errors: 0, variance: 0, errorVariance: 0, sumUs: 0 };
      const cell = cells.get(key) ?? { ...empty, durations: new Histogram() };
      cell.spans++;
      cell.errors += failed ? 1 : 0;
      cell.durations.record(durationUs);
      cells.set(key, cell);
    }
    return { minute, operations, cells: [...cells.values()], edges: [] };
  });
}

function seriesOf(rows: readonly MinuteRow[], plan: MetricPlan, steps: Steps) {
  const sum = new SeriesSum(plan, steps);
  for (const row of rows) sum.add({ row, startMs: row.minute * 60_000 });
  return sum.series();
}

const measured: fc.Arbitrary<Measured> = fc.record({
  service: fc.constantFrom('a', 'b'),
  name: fc.constantFrom('x', 'y', 'z'),
  kind: fc.nat(5),
  failed: fc.boolean(),
  durationUs: fc.integer({ min: 1, max: 5_000_000 }),
  minute: fc.nat(MINUTES - 1),
});

const FILTERS: readonly (readonly [text: string, holds: (span: Measured) => boolean])[] = [
  ['{}', () => true],
  ['{ resource.service.name = "a" }', ({ service }) => service === 'a'],
  ['{ .service.name != "a" && name =~ "x|y" }', ({ service, name }) => service !== 'a' && name !== 'z'],
  ['{ kind = server || name = "z" }', ({ kind, name }) => kind === 2 || name === 'z'],
  ['{ !(kind = client) } | { name = "x" }', ({ kind, name }) => kind !== 3 && name === 'x'],
  ['{ status = error && name != "x" }', ({ failed, name }) => failed && name !== 'x'],
  ['{ status != error || kind = server }', ({ failed, kind }) => !failed || kind === 2],
  ['{ false }', () => false],
];
const GROUPS: readonly (readonly [text: string, of: (span: Measured) => string])[] = [
  ['', () => '__name__=count_over_time'],
  [' by (name)', ({ name }) => `name=${name}`],
  [
    ' by (resource.service.name, kind)',
    ({ service, kind }) => `resource.service.name=${service} kind=${SPAN_KINDS[kind]}`,
  ],
];

describe('counts', () => {
  it('are those of the spans one by one', () => {
    const parts = [
      fc.array(measured),
      fc.constantFrom(...FILTERS),
      fc.constantFrom(...GROUPS),
      fc.integer({ min: 1, max: 7 }),
    ] as const;
    fc.assert(
      fc.property(...parts, (spans, [filter, holds], [by, groupOf], stepMinutes) => {
        const plan = planMetric(parseTraceQL(`${filter} | count_over_time()${by}`));
        const steps = { startUs: 0, endUs: MINUTES * MINUTE_US, stepUs: stepMinutes * MINUTE_US };
        const found = seriesOf(rowsOf(spans), plan, steps).map(({ labels, values }) => [
          labels.map(({ name, value }) => `${name}=${formatValue(value)}`).join(' '),
          values,
        ]);
        const empty = () => new Array<number>(Math.ceil(MINUTES / stepMinutes)).fill(0);
        const expected: Record<string, number[]> = by === '' ? { '__name__=count_over_time': empty() } : {};
        for (const span of spans.filter(holds)) {
          const values = expected[groupOf(span)] ?? empty();
          values[Math.floor(span.minute / stepMinutes)]!++;
          expected[groupOf(span)] = values;
        }
        expect(Object.fromEntries(found)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe('series', () => {
  it('are bounded, and refused beyond', () => {
    const many = Array.from({ length: 1_001 }, (_, i) => ({
      service: 'a',
      name: `n${i}`,
      kind: 2,
      failed: false,
      durationUs: 1,
      minute: 0,
    }));
    const steps = (count: number) => ({ startUs: 0, endUs: count * MINUTE_US, stepUs: MINUTE_US });
    const plan = (filter: string) => planMetric(parseTraceQL(`${filter} | rate() by (name)`));
    expect(seriesOf(rowsOf(many.slice(1)), plan('{}'), steps(100))).toHaveLength(1_000);
    expect(() => seriesOf(rowsOf(many), plan('{}'), steps(100))).toThrow(/more than 100000 points/);
    // What is not asked about does not count.
    expect(seriesOf(rowsOf(many), plan('{ name =~ "n1.*" }'), steps(100))).toHaveLength(112);
  });

  it('are those with the most, or the least, at each time', () => {
    const counts = [
      ['a', 0, 3],
      ['a', 1, 1],
      ['b', 0, 2],
      ['b', 1, 2],
      ['c', 0, 1],
    ] as const;
    const spans = counts.flatMap(([name, minute, count]) =>
      Array.from({ length: count }, () => ({ service: 's', name, kind: 2, failed: false, durationUs: 1, minute })),
    );
    const found = (limit: string) =>
      seriesOf(rowsOf(spans), planMetric(parseTraceQL(`{} | count_over_time() by (name) | ${limit}`)), {
        startUs: 0,
        endUs: 2 * MINUTE_US,
        stepUs: MINUTE_US,
      }).map(({ labels, values }) => [formatValue(labels[0]!.value), ...values]);
    expect(found('topk(1)')).toEqual([
      ['a', 3, null],
      ['b', null, 2],
    ]);
    expect(found('bottomk(1)')).toEqual([['c', 1, 0]]);
    expect(found('topk(2) | bottomk(1)')).toEqual([
      ['a', null, 1],
      ['b', 2, null],
    ]);
  });
});

describe('durations', () => {
  it('have quantiles within what a histogram knows, and buckets that hold each once', () => {
    fc.assert(
      fc.property(fc.array(measured, { minLength: 1 }), fc.constantFrom(0, 0.5, 0.95, 1), (spans, q) => {
        const steps = { startUs: 0, endUs: MINUTES * MINUTE_US, stepUs: MINUTES * MINUTE_US };
        const rows = rowsOf(spans);
        const [series] = seriesOf(rows, planMetric(parseTraceQL(`{} | quantile_over_time(duration, ${q})`)), steps);
        const sorted = spans.map(({ durationUs }) => durationUs / 1e6).sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
        expect(Math.abs(series!.values[0]! - exact) / exact).toBeLessThan(0.045);
        const buckets = seriesOf(rows, planMetric(parseTraceQL('{} | histogram_over_time(duration)')), steps);
        expect(buckets.reduce((sum, { values }) => sum + values[0]!, 0)).toBe(spans.length);
      }),
    );
  });
});

describe('parameters', () => {
  const NOW_MS = 1_790_000_000_000;
  const parseRangeRequest = (params: Readonly<Record<string, string>>) => parseSteps(params, NOW_MS, 'service');
  const minutes = (request: { startUs: number; endUs: number; stepUs: number }) =>
    [request.startUs - NOW_MS * 1000, request.endUs - NOW_MS * 1000, request.stepUs].map((us) => us / MINUTE_US);

  it('make whole minutes of what is asked for', () => {
    // The present is 40 s after a whole minute.
    expect(minutes(parseRangeRequest({})).map(Math.ceil)).toEqual([-60, 1, 1]);
    expect(parseRangeRequest({ step: '15s' }).stepUs).toBe(MINUTE_US);
    expect(parseRangeRequest({ step: '90' }).stepUs).toBe(2 * MINUTE_US);
    expect(parseRangeRequest({ since: '2d' }).stepUs).toBe(12 * MINUTE_US);
    const { startUs, endUs, stepUs } = parseRangeRequest({ step: '7m' });
    expect([startUs % stepUs, endUs % stepUs]).toEqual([0, 0]);
    // Names are told apart for long by hours.
    const long = { since: '7h', step: '5m' };
    expect([parseSteps(long, NOW_MS, 'operation').stepUs, parseRangeRequest(long).stepUs]).toEqual([
      60 * MINUTE_US,
      5 * MINUTE_US,
    ]);
    const instant = parseOneStep({ since: '10m' }, NOW_MS);
    expect(instant.stepUs).toBe(instant.endUs - instant.startUs);
    expect(instant.stepUs / MINUTE_US).toBe(11);
  });

  it('take times in all of their forms', () => {
    const startOf = (start: string) => parseRangeRequest({ start, end: '1790000040' }).startUs / 1e6;
    for (const start of ['1789999980', '1789999980000000000', '1789999980.5', '2026-09-21T14:13:00Z']) {
      expect(startOf(start)).toBe(1_789_999_980);
    }
  });
});
