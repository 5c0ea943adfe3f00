import { describe, expect, it } from 'vitest';
import { describeFound, describeReach } from '../../ui/logic/found.ts';

describe('describeFound', () => {
  it('counts what is listed, where that is all', () => {
    expect(describeFound(1, false, null)).toBe('1 trace');
    expect(describeFound(50, false, { count: 49, exact: false })).toBe('50 traces');
  });

  it('says how many there are of all, and whether that is exact', () => {
    expect(describeFound(50, true, { count: 12_431, exact: false })).toBe('about 12,431 traces, 50 of them listed');
    expect(describeFound(50, true, { count: 12_431, exact: true })).toBe('12,431 traces, 50 of them listed');
    expect(describeFound(50, true, null)).toBe('50 traces or more');
  });

  it('never says less than it lists', () => {
    expect(describeFound(100, true, { count: 80, exact: false })).toBe('about 100 traces');
  });
});

describe('describeReach', () => {
  const SECOND_US = 1_790_000_001_000_000;

  it('says nothing of what is complete', () => {
    expect(describeReach({ complete: true }, 'newest', SECOND_US)).toBe('');
  });

  it('says down to which start, or which duration, all were looked at', () => {
    expect(describeReach({ complete: false, searchedToUs: SECOND_US }, 'newest', SECOND_US)).toMatch(
      /all were looked at down to \d\d:\d\d:\d\d\./,
    );
    expect(describeReach({ complete: false, searchedToUs: 250_000 }, 'slowest', SECOND_US)).toContain(
      'down to 250 ms.',
    );
    expect(describeReach({ complete: false }, 'newest', SECOND_US)).toBe('There was no time to look at everything.');
  });
});
