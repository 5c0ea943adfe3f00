import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  apiParameters,
  formatSearch,
  isUnfiltered,
  LOOKBACKS,
  type Lookback,
  parseSearch,
  type SearchQuery,
} from '../../ui/logic/search-query.ts';

const NOW_US = 1_790_000_000_000_000;

const anyQuery: fc.Arbitrary<SearchQuery> = fc.record({
  service: fc.string(),
  operation: fc.string(),
  minDuration: fc.string(),
  maxDuration: fc.string(),
  status: fc.constantFrom('', 'ok', 'error'),
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
    expect(isUnfiltered(parseSearch(''))).toBe(true);
  });

  it('falls back where it cannot be read', () => {
    expect(parseSearch('?status=broken&lookback=3y&start=soon')).toEqual(parseSearch(''));
  });
});

describe('apiParameters', () => {
  it('asks for what was chosen, from the time it is asked', () => {
    const query = parseSearch(
      '?service=shop&operation=GET+%2F&minDuration=1.5s&maxDuration=2m&status=error&lookback=15m',
    );
    expect(Object.fromEntries(apiParameters(query, NOW_US))).toEqual({
      service: 'shop',
      operation: 'GET /',
      minDuration: '1500ms',
      maxDuration: '120000ms',
      status: 'error',
      start: String(NOW_US - 900_000_000),
      limit: '50',
    });
  });

  it('sends a duration that it cannot read as it is, so that the API says what is wrong with it', () => {
    expect(apiParameters(parseSearch('?minDuration=fast'), NOW_US).get('minDuration')).toBe('fast');
  });

  it('sends both ends of a custom range', () => {
    const parameters = apiParameters(parseSearch('?start=1000&end=2000'), NOW_US);
    expect([parameters.get('start'), parameters.get('end')]).toEqual(['1000', '2000']);
  });
});
