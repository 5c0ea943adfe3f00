import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toCompleteness } from '../../model/completeness.ts';
import type { TraceSummary } from '../../model/span.ts';
import { layoutHeatMap, pickFromHeatMap, type TraceHistogram } from '../../ui/logic/heat-map.ts';

const summary = (startUs: number, durationUs: number, spanCount = 4): TraceSummary => ({
  traceId: '1'.repeat(32),
  rootService: 'shop',
  rootOperation: 'GET /',
  startUs,
  durationUs,
  spanCount,
  errorCount: 0,
  services: [],
  status: 'ok',
  state: 'kept',
  decision: null,
  completeness: toCompleteness({ rootEnded: true, missingParents: 0, openSpans: 0 }),
});

const SEARCHED = { startUs: 0, endUs: 3_600e6 };
/** Two columns of half an hour; the second has 9 of 1 to 2 ms and one of 5 to 10 ms. */
const HISTOGRAM: TraceHistogram = {
  startsUs: [0, 1_800e6],
  durationsUs: [0, 1_000, 2_000, 5_000, 10_000],
  heatmap: [
    [0, 0, 0, 0, 0],
    [0, 9, 0, 1, 0],
  ],
  count: 10,
  exact: true,
};

describe('the picture', () => {
  it('starts a little before the oldest trace and ends with the search', () => {
    expect(layoutHeatMap(null, [summary(3_500e6, 1), summary(2_600e6, 1)], SEARCHED).times).toEqual({
      startUs: 2_560e6,
      endUs: 3_600e6,
    });
    expect(layoutHeatMap(HISTOGRAM, [], SEARCHED).times).toEqual({ startUs: 1_728e6, endUs: 3_600e6 });
  });

  it('is never beyond the search, nor shorter than a minute', () => {
    expect(layoutHeatMap(null, [summary(10e6, 1)], SEARCHED).times).toEqual(SEARCHED);
    expect(layoutHeatMap(null, [summary(3_601e6, 1)], SEARCHED).times.startUs).toBe(3_540e6);
  });

  it('shades by the logarithm of the count, and leaves out what is empty', () => {
    const { cells, durations } = layoutHeatMap(HISTOGRAM, [], SEARCHED);
    expect(durations).toEqual({ leastUs: 1_000, mostUs: 10_000 });
    expect(cells.map(({ count, weight }) => [count, weight])).toEqual([
      [9, 1],
      [1, expect.closeTo(Math.log(2) / Math.log(10))],
    ]);
    expect(cells[0]).toMatchObject({ bottom: 0, top: expect.closeTo(Math.log10(2)), right: 1 });
    expect(cells[1]!.top).toBe(1);
  });

  it('is linear in time and logarithmic in duration', () => {
    const traces = [summary(900e6, 1_000), summary(2_700e6, 9_999), summary(1_800e6, 3_162)];
    const { dots, lines, times } = layoutHeatMap(null, traces, { startUs: 900e6, endUs: 2_700e6 });
    expect(times).toEqual({ startUs: 900e6, endUs: 2_700e6 });
    expect(dots.map((dot) => dot.x)).toEqual([0, 1, 0.5]);
    expect(dots.map((dot) => dot.y)).toEqual([0, expect.closeTo(1, 3), expect.closeTo(0.5, 3)]);
    expect(lines.map((line) => line.durationUs)).toEqual([1_000, 2_000, 5_000, 10_000]);
  });

  it('keeps every cell, dot and line inside, and cells higher than nothing', () => {
    const trace = fc.tuple(fc.nat(), fc.nat(1e12)).map(([start, duration]) => summary(start, duration));
    const row = fc.array(fc.nat(9), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(trace), fc.tuple(row, row), fc.nat(), fc.nat(), (traces, heatmap, start, length) => {
        const searched = { startUs: start, endUs: start + length };
        const histogram = { ...HISTOGRAM, startsUs: [start, start + length / 2], heatmap };
        const { cells, dots, lines } = layoutHeatMap(histogram, traces, searched);
        const places = [
          ...cells.flatMap(({ left, right, bottom, top, weight }) => [left, right, bottom, top, weight]),
          ...dots.flatMap(({ x, y, size }) => [x, y, size]),
          ...lines.map(({ y }) => y),
        ];
        for (const at of places) expect(at >= 0 && at <= 1).toBe(true);
        for (const { bottom, top } of cells) expect(top).toBeGreaterThan(bottom);
        expect(lines.length).toBeGreaterThanOrEqual(2);
      }),
    );
  });
});

describe('a brush', () => {
  const map = layoutHeatMap(HISTOGRAM, [], SEARCHED);

  it('picks times and durations, these in round numbers around it', () => {
    expect(pickFromHeatMap(map, { left: 0.5, right: 1, bottom: 0.2, top: 0.5 })).toEqual({
      times: { startUs: 2_664e6, endUs: 3_600e6 },
      durations: { leastUs: 1_500, mostUs: 3_200 },
    });
  });

  it('leaves alone the direction that it covers', () => {
    expect(pickFromHeatMap(map, { left: 0, right: 1, bottom: 0, top: 0.5 })).toEqual({
      durations: { leastUs: 0, mostUs: 3_200 },
    });
    expect(pickFromHeatMap(map, { left: 0, right: 0.5, bottom: 0, top: 1 })).toEqual({
      times: { startUs: 1_728e6, endUs: 2_664e6 },
    });
    expect(pickFromHeatMap(map, { left: 0, right: 1, bottom: 0.5, top: 1 }).durations!.mostUs).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});
