import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SEARCH_ORDERS } from '../../model/query/conditions.ts';
import { LOOKBACKS, type Lookback } from '../../ui/logic/page-range.ts';
import {
  countParameters,
  formatSearch,
  formatSearchPath,
  PAGE_LIMITS,
  pageParameters,
  parseSearch,
  type SearchQuery,
} from '../../ui/logic/search-query.ts';

const NOW_US = 1_790_000_000_000_000;

const anyQuery: fc.Arbitrary<SearchQuery> = fc.record({
  line: fc.string(),
  order: fc.constantFrom(...SEARCH_ORDERS),
  limit: fc.constantFrom(...PAGE_LIMITS),
  range: fc.oneof(
    fc.record({ kind: fc.constant('lookback'), lookback: fc.constantFrom(...(Object.keys(LOOKBACKS) as Lookback[])) }),
    fc.record({ kind: fc.constant('custom'), startUs: fc.nat(), endUs: fc.nat() }),
  ),
});

describe('the address of a search', () => {
  it('keeps any query', () => {
    fc.assert(
      fc.property(anyQuery, (query) => {
        expect(parseSearch(formatSearch(query))).toEqual(query);
      }),
    );
  });

  it('is empty for the query that a first visit makes', () => {
    expect(formatSearch(parseSearch(''))).toBe('');
    expect(formatSearchPath('', parseSearch('').range)).toBe('/');
  });

  it('falls back where it cannot be read', () => {
    expect(parseSearch('?order=oldest&limit=7&lookback=3y&start=soon')).toEqual(parseSearch(''));
  });
});

describe('parameters of the API', () => {
  const query = parseSearch('?q=service%3Dshop+duration%3E1s&order=slowest&limit=200&lookback=15m');

  it('ask for what was chosen, from the time it is asked', () => {
    expect(Object.fromEntries(pageParameters(query, NOW_US))).toEqual({
      q: 'service=shop duration>1s',
      start: String(NOW_US - 900_000_000),
      order: 'slowest',
      limit: '200',
    });
  });

  it('of a count have neither order nor limit, which it would refuse', () => {
    expect([...countParameters(query, NOW_US).keys()]).toEqual(['q', 'start']);
  });

  it('have both ends of a range that has two', () => {
    const parameters = countParameters(parseSearch('?start=1000&end=2000'), NOW_US);
    expect(Object.fromEntries(parameters)).toEqual({ start: '1000', end: '2000' });
  });
});
