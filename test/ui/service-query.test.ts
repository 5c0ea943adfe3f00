import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOOKBACKS, type Lookback } from '../../ui/logic/page-range.ts';
import { formatServicePath, parseServiceQuery, windowParameters } from '../../ui/logic/service-query.ts';

describe('the address of a service', () => {
  it('keeps any service, operation and time', () => {
    const range = fc.oneof(
      fc.record({
        kind: fc.constant('lookback'),
        lookback: fc.constantFrom(...(Object.keys(LOOKBACKS) as Lookback[])),
      }),
      fc.record({ kind: fc.constant('custom'), startUs: fc.nat(), endUs: fc.nat() }),
    );
    const query = fc.record({ service: fc.string({ minLength: 1 }), operation: fc.string(), range });
    fc.assert(
      fc.property(query, (query) => {
        const path = formatServicePath('services', query);
        expect(parseServiceQuery(path.slice(path.indexOf('?')))).toEqual(query);
      }),
    );
  });

  it('is plain for all services in the last hour', () => {
    const { range } = parseServiceQuery('');
    expect(formatServicePath('map', { range })).toBe('/map');
    expect(parseServiceQuery('?operation=x').operation).toBe('');
  });
});

it('asks the API for both ends of the time', () => {
  const { range } = parseServiceQuery('?lookback=15m');
  expect(Object.fromEntries(windowParameters(range, 2e9))).toEqual({ start: '1100000000', end: '2000000000' });
});
