import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Histogram } from '../../../model/histogram.ts';
import type { MinuteRow } from '../../../model/statistics-row.ts';
import { type MetricsQuery, metricFamily } from '../../../worker/compat/jaeger/metrics.ts';
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

/** A row for each call, some of a lower resolution: several of a minute are added up. */
function rowOf({ minute, service, name, kind, durationUs, isError }: Call): MinuteRow {
  const durations = new Histogram();
  durations.record(durationUs);
  if (durationUs % 3 === 0) durations.coarsen(1);
  const cell = { operation: 0, kind, spans: 1, errors: Number(isError), variance: 0, errorVariance: 0 };
  return { minute, operations: [{ service, name }], cells: [{ ...cell, sumUs: durationUs, durations }], edges: [] };
}

it('says of each point what the calls of its window say', () => {
  const query = fc.record({
    stepMinutes: fc.integer({ min: 1, max: 7 }),
    windowMinutes: fc.integer({ min: 1, max: 20 }),
    count: fc.integer({ min: 1, max: 10 }),
    startUs: fc.integer({ min: 0, max: 30 * MINUTE_US }),
    byOperation: fc.boolean(),
  });
  let points = 0;
  fc.assert(
    fc.property(fc.array(call, { maxLength: 40 }), query, (calls, { stepMinutes, windowMinutes, count, ...more }) => {
      const asked: MetricsQuery = {
        services: ['a', 'b'],
        kinds: ['server'],
        byOperation: more.byOperation,
        pointsUs: Array.from({ length: count }, (_, i) => more.startUs + i * stepMinutes * MINUTE_US),
        windowUs: windowMinutes * MINUTE_US,
      };
      const rows = calls.map(rowOf);
      const [rates, errors, latencies] = [
        metricFamily({ of: 'calls' }, rows, asked),
        metricFamily({ of: 'errors' }, rows, asked),
        metricFamily({ of: 'latencies', quantile: 0.5 }, rows, asked),
      ].map(({ metrics }) => metrics ?? []);
      const counted = calls.filter(({ service, kind }) => service !== 'c' && kind === 2);
      const keyOf = ({ service, name }: Call) => (more.byOperation ? `${service} ${name}` : service);
      expect(rates!.map(({ labels }) => labels.map(({ value }) => value).join(' '))).toEqual(
        [...new Set(counted.map(keyOf))].sort(),
      );
      for (const [s, series] of rates!.entries()) {
        const key = series.labels.map(({ value }) => value).join(' ');
        for (const [i, atUs] of asked.pointsUs.entries()) {
          const within = counted.filter(
            (each) =>
              keyOf(each) === key && each.minute * MINUTE_US < atUs && each.minute * MINUTE_US >= atUs - asked.windowUs,
          );
          const at = (family: typeof rates) => family![s]!.metricPoints[i]!.gaugeValue.doubleValue;
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

it('has as many points as a range of steps has, and a thousand at most', () => {
  const points = (params: string) => {
    const { pointsUs, windowUs } = parseMetricsQuery(new URLSearchParams(`service=a&endTs=7200000&${params}`), 0);
    return [pointsUs.length, pointsUs[0]! / 1000, pointsUs.at(-1)! / 1000, windowUs / 1000];
  };
  expect(points('')).toEqual([61, 3_600_000, 7_200_000, 600_000]);
  expect(points('lookback=300000&step=120000&ratePer=1')).toEqual([3, 6_900_000, 7_140_000, 60_000]);
  expect(points('lookback=-5')[0]).toBe(1);
  const [count, , end] = points('lookback=999999999999');
  expect(count).toBeGreaterThan(900);
  expect(count).toBeLessThanOrEqual(1_000);
  expect(end).toBeLessThanOrEqual(7_200_000);
});
