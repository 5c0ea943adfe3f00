import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../ui/logic/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['250ms', 250_000],
    ['2s', 2_000_000],
    ['1.5s', 1_500_000],
    ['1,5 s', 1_500_000],
    ['100us', 100],
    ['100µs', 100],
    ['2m 30s', 150_000_000],
    ['1h', 3_600_000_000],
    ['250', 250_000],
    [' 3 MS ', 3_000],
  ])('reads %j', (text, us) => {
    expect(parseDuration(text)).toBe(us);
  });

  it.each(['', 'fast', '10 parsecs', '-5ms', '5ms!', 'ms', '1e9s'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 µs'],
    [12, '12 µs'],
    [999, '999 µs'],
    [1_250, '1.25 ms'],
    [12_340, '12.3 ms'],
    [345_600, '346 ms'],
    [999_600, '1 s'],
    [1_240_000, '1.24 s'],
    [59_940_000, '59.9 s'],
    [59_960_000, '1 m 00 s'],
    [125_000_000, '2 m 05 s'],
    [3_599_600_000, '1 h 00 m'],
    [11_220_000_000, '3 h 07 m'],
    [-1_500, '−1.5 ms'],
  ])('%d is %s', (us, text) => {
    expect(formatDuration(us)).toBe(text);
  });

  it('is within half a percent of the duration below a minute', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 59_000_000 }), (us) => {
        const read = parseDuration(formatDuration(us).replaceAll(' ', ''))!;
        expect(Math.abs(read - us)).toBeLessThanOrEqual(us * 0.0051);
      }),
    );
  });
});
