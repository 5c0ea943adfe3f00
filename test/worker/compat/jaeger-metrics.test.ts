import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Histogram } from '../../../model/histogram.ts';
import type { MinuteRow } from '../../../model/statistics-row.ts';
import { type Metric, type MetricsQuery, MetricsSum } from '../../../worker/compat/jaeger/metrics.ts';
import { parseMetricsQuery } from '../../../worker/compat/jaeger/metrics-params.ts';

const MINUTE_US = 60_000_000;

interface Call {
  readonly minute: number;
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly durationUs: number;
  readonly isError: boolean;
}

const call: fc.Arbitrary<Call> = fc.record({
  minute: fc.nat(30),
  service: fc.constantFrom('a', 'b', 'c'),
  name: fc.constantFrom('x', 'y'),
  kind: fc.constantFrom(2, 3),
  durationUs: fc.nat(1_000_000),
  isError: fc.boolean(),
});

/** A piece for each call, some of a lower resolution: several of a part of the grid are added up. */
function pieceOf({ minute, service, name, kind, durationUs, isError }: Call): { row: MinuteRow; startMs: number } {
  const durations = new Histogram();
  durations.record(durationUs);
  if (durationUs % 3 === 0) durations.coarsen(1);
  const cell = { operation: 0, kind, spans: 1, errors: Number(isError), variance: 0, errorVariance: 0 };
  const cells = [{ ...cell, sumUs: durationUs, durations }];
  return { row: { minute, operations: [{ service, name }], cells, edges: [] }, startMs: minute * 60_000 };
}

it('says of each point what the calls of its window say', () => {
  const query = fc
    .record({
      grid: fc.integer({ min: 1, max: 5 }),
      times: fc.integer({ min: 1, max: 4 }),
      isStepLonger: fc.boolean(),
      count: fc.integer({ min: 1, max: 10 }),
      start: fc.nat(10),
      byOperation: fc.boolean(),
    })
    .map(({ grid, times, isStepLonger, count, start, byOperation }): MetricsQuery => {
      const [gridUs, longerUs] = [grid * MINUTE_US, grid * times * MINUTE_US];
      const stepUs = isStepLonger ? longerUs : gridUs;
      return {
        services: ['a', 'b'],
        kinds: ['server'],
        byOperation,
        pointsUs: Array.from({ length: count }, (_, i) => start * gridUs + i * stepUs),
        windowUs: isStepLonger ? gridUs : longerUs,
        gridUs,
      };
    });
  let points = 0;
  fc.assert(
    fc.property(fc.array(call, { maxLength: 40 }), query, (calls, asked) => {
      const family = (metric: Metric) => {
        const sum = new MetricsSum(asked);
        for (const each of calls) sum.add(pieceOf(each));
        return sum.family(metric).metrics ?? [];
      };
      const rates = family({ of: 'calls' });
      const errors = family({ of: 'errors' });
      const latencies = family({ of: 'latencies', quantile: 0.5 });
      const counted = calls.filter(({ service, kind }) => service !== 'c' && kind === 2);
      const keyOf = ({ service, name }: Call) => (asked.byOperation ? `${service} ${name}` : service);
      expect(rates.map(({ labels }) => labels.map(({ value }) => value).join(' '))).toEqual(
        [...new Set(counted.map(keyOf))].sort(),
      );
      for (const [s, series] of rates.entries()) {
        const key = series.labels.map(({ value }) => value).join(' ');
        for (const [i, atUs] of asked.pointsUs.entries()) {
          const within = counted.filter(
            (each) =>
              keyOf(each) === key && each.minute * MINUTE_US < atUs && each.minute * MINUTE_US >= atUs - asked.windowUs,
          );
          const at = (metrics: typeof rates) => metrics[s]!.metricPoints[i]!.gaugeValue.doubleValue;
          expect(at(rates)).toBeCloseTo(within.length / (asked.windowUs / 1e6), 9);
          const failed = within.filter(({ isError }) => isError).length;
          expect(at(errors)).toEqual(within.length === 0 ? 'NaN' : failed / within.length);
          const median = within.map(({ durationUs }) => durationUs).sort((a, b) => a - b)[
            Math.ceil(within.length / 2) - 1
          ];
          const found = at(latencies);
          if (median === undefined) expect(found).toBe('NaN');
          else expect(Math.abs((found as number) * 1000 - median)).toBeLessThanOrEqual(median * 0.18);
          points++;
        }
      }
    }),
    { numRuns: 300 },
  );
  expect(points).toBeGreaterThan(1_000);
});

it.each<[string, number, number, number, number, number]>([
  // endTs is 7,230 s: points, first and last of them, step and window, in seconds.
  ['', 61, 3_600, 7_200, 60, 600],
  ['lookback=300000&step=120000&ratePer=1', 3, 6_960, 7_200, 120, 60],
  ['lookback=300000&step=120000&ratePer=150000', 3, 6_960, 7_200, 120, 240],
  ['lookback=3600000&step=900000&ratePer=600000', 4, 3_600, 7_200, 1_200, 600],
  ['lookback=-5&step=-7&ratePer=-9', 1, 7_200, 7_200, 60, 60],
  // Nothing was before 1970.
  ['lookback=999999999999', 3, 1_200, 7_200, 3_000, 600],
])('has for %j %d points', (params, count, first, last, step, window) => {
  const query = parseMetricsQuery(new URLSearchParams(`service=a&endTs=7230000&${params}`), 0);
  const { pointsUs, windowUs, gridUs } = query;
  const seconds = [pointsUs[0]!, pointsUs.at(-1)!, (pointsUs[1] ?? pointsUs[0]! + 60e6) - pointsUs[0]!, windowUs];
  expect([pointsUs.length, ...seconds.map((us) => us / 1e6)]).toEqual([count, first, last, step, window]);
  for (const us of [...pointsUs, windowUs]) expect(us % gridUs).toBe(0);
});

it('has a thousand points at most', () => {
  for (const ratePer of [60_000, 600_000, 3_600_000, 86_400_000]) {
    const text = `service=a&lookback=${30 * 86_400_000}&step=1&ratePer=${ratePer}`;
    const { pointsUs } = parseMetricsQuery(new URLSearchParams(text), 1_791_000_000_000);
    expect(pointsUs.length).toBeGreaterThan(600);
    expect(pointsUs.length).toBeLessThanOrEqual(1_000);
  }
});
