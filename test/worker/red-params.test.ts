import { describe, expect, it } from 'vitest';
import { confidenceOf } from '../../worker/query/confidence.ts';
import { parseRedQuery } from '../../worker/query/red-params.ts';

const HOUR_US = 3_600_000_000;
const MINUTE_US = 60_000_000;
/** A little after 10:07. */
const NOW_MS = Date.parse('2026-01-02T10:07:12Z');

describe('the steps of rate, errors and durations', () => {
  it.each([
    ['an hour', 1, {}, 1],
    ['two hours', 2, {}, 1],
    ['six hours', 6, {}, 5],
    ['a day', 24, {}, 15],
    ['two days', 48, {}, 60],
    ['a month', 30 * 24, {}, 360],
    ['a day of operations', 24, { by: 'operation' }, 60],
    ['six hours of an operation', 5.9, { operation: 'GET /' }, 5],
  ] as const)('of %s make a hundred or so, and begin at their multiples', (_, hours, params, minutes) => {
    const start = String(NOW_MS * 1000 - hours * HOUR_US);
    const query = parseRedQuery('shop', { start, ...params }, NOW_MS);
    expect(query.stepUs).toBe(minutes * MINUTE_US);
    expect(query.startUs % query.stepUs).toBe(0);
    expect(query.startUs).toBeLessThanOrEqual(Number(start));
    expect(query.startUs).toBeGreaterThan(Number(start) - query.stepUs - MINUTE_US);
    expect(query.endUs).toBe(Date.parse('2026-01-02T10:08:00Z') * 1000);
  });

  it('tell operations apart where one is asked for, or all', () => {
    const by = (params: Record<string, string>) => parseRedQuery('shop', params, NOW_MS).by;
    expect([by({}), by({ operation: 'GET /' }), by({ by: 'kind' })]).toEqual(['service', 'operation', 'kind']);
    expect(parseRedQuery('shop', { kind: 'server,client' }, NOW_MS).kinds).toEqual(['server', 'client']);
  });
});

describe('a count is', () => {
  it.each([
    ['high', 30, 30, 30],
    ['high', 1_000, 10_000, 11_000],
    ['medium', 29, 29, 29],
    ['medium', 1_000, 10_000, 11_001],
    ['medium', 10, 100, 150],
    ['low', 10, 100, 151],
    ['low', 9, 9, 9],
  ] as const)('of %s confidence with %i spans, %i and at most %i', (confidence, spans, estimate, high) => {
    expect(confidenceOf({ spans, count: { estimate, high, low: 0 } })).toBe(confidence);
  });
});
