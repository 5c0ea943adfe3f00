import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAge, formatLocalInput, formatTime, formatTimeShort, parseLocalInput } from '../../ui/logic/time.ts';

const NOW_US = 1_790_000_000_000_000;

describe('formatAge', () => {
  it.each([
    [0, 'just now'],
    [12, '12 s ago'],
    [59.4, '59 s ago'],
    [119, '1 min ago'],
    [3_600, '1 h ago'],
    [86_399, '23 h ago'],
    [200_000, '2 d ago'],
    [-30, 'in 30 s'],
  ])('%d s before now is %s', (seconds, text) => {
    expect(formatAge(NOW_US - seconds * 1e6, NOW_US)).toBe(text);
  });
});

describe('formatTime', () => {
  it('shows milliseconds in full and seconds or the day in short', () => {
    expect(formatTime(NOW_US + 123_456)).toMatch(/\.123$/);
    expect(formatTimeShort(NOW_US, NOW_US)).toMatch(/^\d\d:\d\d:\d\d$/);
    expect(formatTimeShort(NOW_US - 8.64e10, NOW_US)).toMatch(/^\d+ \w+, \d\d:\d\d$/);
  });
});

describe('the value of a time input', () => {
  it('comes back as the same second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000_000_000, max: 2_000_000_000 }), (seconds) => {
        expect(parseLocalInput(formatLocalInput(seconds * 1e6))).toBe(seconds * 1e6);
      }),
    );
  });

  it('is null when it is empty or no time', () => {
    expect(parseLocalInput('')).toBeNull();
    expect(parseLocalInput('tomorrow')).toBeNull();
  });
});
