import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toCompleteness } from '../../model/completeness.ts';
import type { TraceSummary } from '../../model/span.ts';
import { layoutScatter, scatterRange } from '../../ui/logic/scatter.ts';

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

describe('scatterRange', () => {
  const searched = { startUs: 0, endUs: 3_600e6 };

  it('starts a little before the oldest trace and ends with the search', () => {
    expect(scatterRange([summary(3_500e6, 1), summary(2_600e6, 1)], searched)).toEqual({
      startUs: 2_560e6,
      endUs: 3_600e6,
    });
  });

  it('is never beyond the search, nor shorter than a minute', () => {
    expect(scatterRange([summary(10e6, 1)], searched)).toEqual(searched);
    expect(scatterRange([summary(3_599e6, 1)], searched)).toEqual({ startUs: 3_540e6, endUs: 3_600e6 });
    expect(scatterRange([summary(3_601e6, 1)], searched)).toEqual({ startUs: 3_540e6, endUs: 3_600e6 });
  });
});

describe('layoutScatter', () => {
  it('is linear in time and logarithmic in duration', () => {
    const { dots, lines } = layoutScatter([summary(25, 10_000), summary(75, 1_000_000), summary(50, 100_000)], {
      startUs: 0,
      endUs: 100,
    });
    expect(dots.map((dot) => dot.x)).toEqual([0.25, 0.75, 0.5]);
    expect(dots.map((dot) => dot.y)).toEqual([0, 1, 0.5]);
    expect(lines.map((line) => line.durationUs)).toEqual([10_000, 100_000, 1_000_000]);
  });

  it('draws traces of more spans larger, by area, up to a limit', () => {
    const traces = [1, 4, 100, 1_000_000].map((spanCount) => summary(0, 0, spanCount));
    const { dots } = layoutScatter(traces, { startUs: 0, endUs: 1 });
    expect(dots.map((dot) => dot.size)).toEqual([0.05, 0.1, 0.5, 1]);
  });

  it('keeps every dot and line in the picture', () => {
    const trace = fc.tuple(fc.nat(), fc.nat()).map(([start, duration]) => summary(start, duration));
    fc.assert(
      fc.property(fc.array(trace), fc.nat(), fc.nat(), (traces, start, length) => {
        const { dots, lines } = layoutScatter(traces, { startUs: start, endUs: start + length });
        for (const at of [...dots.flatMap((dot) => [dot.x, dot.y, dot.size]), ...lines.map((line) => line.y)]) {
          expect(at).toBeGreaterThanOrEqual(0);
          expect(at).toBeLessThanOrEqual(1);
        }
        expect(lines.length).toBeGreaterThanOrEqual(2);
      }),
    );
  });
});
