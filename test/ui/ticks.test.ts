import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutTicks, tickStepUs } from '../../ui/logic/ticks.ts';

const labels = (startUs: number, endUs: number, count: number) =>
  layoutTicks({ startUs, endUs }, count).map((tick) => tick.label);

describe('layoutTicks', () => {
  it('labels all ticks in one unit and precision', () => {
    expect(labels(0, 800_000, 5)).toEqual(['0 ms', '200 ms', '400 ms', '600 ms', '800 ms']);
    expect(labels(0, 2_000_000, 5)).toEqual(['0.0 s', '0.5 s', '1.0 s', '1.5 s', '2.0 s']);
    expect(labels(100, 150, 5)).toEqual(['100 µs', '110 µs', '120 µs', '130 µs', '140 µs', '150 µs']);
    expect(labels(1_200_000, 1_200_040, 4)).toEqual(['1.20000 s', '1.20001 s', '1.20002 s', '1.20003 s', '1.20004 s']);
  });

  it('follows the clock beyond two minutes', () => {
    expect(labels(0, 150e6, 5)).toEqual(['0:00', '0:30', '1:00', '1:30', '2:00', '2:30']);
    expect(labels(0, 3 * 3600e6, 3)).toEqual(['0:00', '1:00:00', '2:00:00', '3:00:00']);
  });

  it('gives round times inside the viewport, as many as fit, with distinct labels', () => {
    const range = fc.tuple(
      fc.double({ min: 0, max: 1e10, noNaN: true }),
      fc.double({ min: 10, max: 1e11, noNaN: true }),
    );
    fc.assert(
      fc.property(range, fc.integer({ min: 1, max: 20 }), ([startUs, lengthUs], count) => {
        const viewport = { startUs, endUs: startUs + lengthUs };
        const ticks = layoutTicks(viewport, count);
        const step = tickStepUs(viewport.endUs - viewport.startUs, count);
        expect(ticks.length).toBeLessThanOrEqual(count + 1);
        expect(new Set(ticks.map((tick) => tick.label)).size).toBe(ticks.length);
        for (const tick of ticks) {
          expect(tick.atUs % step).toBe(0);
          expect(tick.fraction).toBeGreaterThanOrEqual(-1e-9);
          expect(tick.fraction).toBeLessThanOrEqual(1 + 1e-9);
        }
      }),
    );
  });
});
