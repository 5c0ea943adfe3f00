import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { moveBrush, startBrush } from '../../ui/logic/brush.ts';
import {
  clampRange,
  isWhole,
  MIN_RANGE_US,
  panBy,
  type TimeRange,
  timeAt,
  wholeRange,
  zoomAbout,
  zoomToSpan,
} from '../../ui/logic/viewport.ts';

const TOTAL_US = 1_000_000;
const range = (startUs: number, endUs: number): TimeRange => ({ startUs, endUs });
const anyTime = fc.double({ min: -2e6, max: 3e6, noNaN: true });
const anyRange = fc.tuple(anyTime, anyTime).map(([a, b]) => clampRange(range(a, b), TOTAL_US));

function expectLegal(viewport: TimeRange, totalUs: number) {
  expect(viewport.startUs).toBeGreaterThanOrEqual(0);
  expect(viewport.endUs).toBeLessThanOrEqual(wholeRange(totalUs).endUs + 1e-6);
  expect(viewport.endUs - viewport.startUs).toBeGreaterThanOrEqual(MIN_RANGE_US - 1e-6);
}

describe('viewport', () => {
  it('never leaves the trace, whatever is done to it', () => {
    const step = fc.oneof(
      fc.record({ zoom: fc.double({ min: 0.001, max: 1000, noNaN: true }), at: anyTime }),
      fc.record({ pan: fc.double({ min: -5, max: 5, noNaN: true }) }),
      fc.record({ from: anyTime, to: anyTime }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 0, max: 2_000_000 }), (steps, totalUs) => {
        let viewport = wholeRange(totalUs);
        for (const action of steps) {
          if ('zoom' in action) viewport = zoomAbout(viewport, action.zoom, action.at, totalUs);
          else if ('pan' in action) viewport = panBy(viewport, action.pan, totalUs);
          else viewport = clampRange(range(action.from, action.to), totalUs);
          expectLegal(viewport, totalUs);
        }
      }),
    );
  });

  it('zooms so that the time under the pointer stays there', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        (at, factor) => {
          const before = range(200_000, 800_000);
          const us = timeAt(before, at);
          const after = zoomAbout(before, factor, us, TOTAL_US);
          expect((us - after.startUs) / (after.endUs - after.startUs)).toBeCloseTo(at, 9);
        },
      ),
    );
  });

  it('is whole again after zooming out far enough', () => {
    expect(isWhole(zoomAbout(range(10, 30), 1e9, 20, TOTAL_US), TOTAL_US)).toBe(true);
    expect(isWhole(range(0, TOTAL_US - 1), TOTAL_US)).toBe(false);
  });

  it('shows a span with air around it, also one of no length', () => {
    const wide = zoomToSpan(400_000, 500_000, TOTAL_US);
    expect(wide.startUs).toBeLessThan(400_000);
    expect(wide.endUs).toBeGreaterThan(500_000);
    const instant = zoomToSpan(TOTAL_US, TOTAL_US, TOTAL_US);
    expectLegal(instant, TOTAL_US);
    expect(instant.endUs).toBe(TOTAL_US);
  });
});

describe('brush', () => {
  it('draws a new range when the whole trace is shown, in either direction', () => {
    const brush = startBrush(wholeRange(TOTAL_US), 600_000, 1_000, TOTAL_US);
    expect(moveBrush(brush, 200_000, TOTAL_US)).toEqual(range(200_000, 600_000));
  });

  it('takes hold of the nearer edge, moves from the inside, starts anew outside', () => {
    const shown = range(300_000, 500_000);
    expect(startBrush(shown, 300_900, 1_000, TOTAL_US).kind).toBe('start');
    expect(startBrush(shown, 499_100, 1_000, TOTAL_US).kind).toBe('end');
    expect(startBrush(shown, 400_000, 1_000, TOTAL_US).kind).toBe('move');
    expect(startBrush(shown, 700_000, 1_000, TOTAL_US).kind).toBe('new');
  });

  it('keeps the length when it is moved, also beyond the ends', () => {
    const brush = startBrush(range(300_000, 500_000), 400_000, 1_000, TOTAL_US);
    expect(moveBrush(brush, 450_000, TOTAL_US)).toEqual(range(350_000, 550_000));
    expect(moveBrush(brush, 5e6, TOTAL_US)).toEqual(range(800_000, 1_000_000));
  });

  it('turns an edge over when it is dragged past the other', () => {
    const brush = startBrush(range(300_000, 500_000), 300_000, 1_000, TOTAL_US);
    expect(moveBrush(brush, 700_000, TOTAL_US)).toEqual(range(500_000, 700_000));
  });

  it('always leaves a legal viewport', () => {
    fc.assert(
      fc.property(anyRange, anyTime, anyTime, (shown, from, to) => {
        expectLegal(moveBrush(startBrush(shown, from, 5_000, TOTAL_US), to, TOTAL_US), TOTAL_US);
      }),
    );
  });
});
