import { describe, expect, it } from 'vitest';
import { DEFAULT_SEARCH_RANGE_US, MAX_SEARCH_RANGE_US } from '../../../model/limits.ts';
import { compareFound } from '../../../model/query/search-order.ts';
import { searchRange } from '../../../model/query/search-range.ts';

const NOW = 1_790_000_000_000_000;

describe('searchRange', () => {
  it('is the last hour, or the hour before an end', () => {
    expect(searchRange(undefined, undefined, NOW)).toEqual({ startUs: NOW - DEFAULT_SEARCH_RANGE_US, endUs: NOW });
    expect(searchRange(undefined, 5e9, NOW)).toEqual({ startUs: 1.4e9, endUs: 5e9 });
    expect(searchRange(NOW - 5, undefined, NOW)).toEqual({ startUs: NOW - 5, endUs: NOW });
  });

  it('is 30 days at most, and not backwards', () => {
    expect(searchRange(NOW - MAX_SEARCH_RANGE_US, NOW, NOW)).toMatchObject({ endUs: NOW });
    expect(() => searchRange(NOW - MAX_SEARCH_RANGE_US - 1, NOW, NOW)).toThrow('start is more than 30 days before end');
    expect(() => searchRange(NOW, NOW - 1, NOW)).toThrow(new RangeError('start is after end'));
    expect(() => searchRange(NOW + 1, undefined, NOW)).toThrow('start is after end');
  });
});

describe('compareFound', () => {
  const found = [
    { traceId: 'b', startUs: 1, durationUs: 5 },
    { traceId: 'a', startUs: 2, durationUs: 5 },
    { traceId: 'c', startUs: 2, durationUs: 5 },
    { traceId: 'd', startUs: 0, durationUs: 9 },
  ];
  const ids = (order: 'newest' | 'slowest') =>
    found
      .toSorted((a, b) => compareFound(order, a, b))
      .map(({ traceId }) => traceId)
      .join('');

  it('has the newest first, or the slowest', () => {
    expect(ids('newest')).toBe('cabd');
    expect(ids('slowest')).toBe('dcab');
  });
});
