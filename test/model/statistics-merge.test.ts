import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../model/histogram.ts';
import { estimate, mergeMinutes, type Statistics } from '../../model/statistics-merge.ts';
import { encodeMinute, type MinuteRow } from '../../model/statistics-row.ts';
import { arbitraryRow, plainHistogram } from './arbitrary-row.ts';

const plain = ({ operations, edges }: Statistics) => ({
  operations: operations.map((measured) => ({ ...measured, durations: plainHistogram(measured.durations) })),
  edges: edges.map((measured) => ({
    ...measured,
    durations: plainHistogram(measured.durations),
    client: plainHistogram(measured.client),
  })),
});

/** The statistics as a row again, so that they can be merged with further ones. */
function toRow({ operations, edges }: Statistics, rows: readonly MinuteRow[]): MinuteRow {
  const names = new Map<string, { service: string; name: string }>();
  for (const row of rows) for (const name of row.operations) names.set(JSON.stringify(name), name);
  const list = [...names.values()];
  const indexOf = (service: string, name: string) =>
    list.findIndex((known) => known.service === service && known.name === name);
  const variance = ({ estimate, high }: { estimate: number; high: number }) => ((high - estimate) / 1.96) ** 2;
  const cell = (measured: Statistics['operations'][number] | Statistics['edges'][number]) => ({
    spans: measured.spans,
    errors: measured.errors.estimate,
    variance: variance(measured.count),
    errorVariance: variance(measured.errors),
    sumUs: measured.sumUs,
    durations: measured.durations,
  });
  const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
  return {
    minute: 0,
    operations: list,
    cells: operations.map((one) => ({
      operation: indexOf(one.service, one.operation),
      kind: kinds.indexOf(one.kind),
      ...cell(one),
    })),
    edges: edges.map((one) => ({
      parent: indexOf(one.parentService, one.parentOperation),
      child: indexOf(one.childService, one.childOperation),
      ...cell(one),
      client: one.client,
    })),
  };
}

const rounded = (statistics: Statistics) =>
  JSON.parse(
    JSON.stringify(plain(statistics), (key, value) =>
      key === 'low' || key === 'high' ? Math.round(value * 1e6) / 1e6 : value,
    ),
  );

describe('merged rows', () => {
  it('are nothing when there are none', () => {
    expect(mergeMinutes([])).toEqual({ operations: [], edges: [] });
  });

  it('are the same in any order, packed or not', () => {
    fc.assert(
      fc.property(arbitraryRow, arbitraryRow, arbitraryRow, (a, b, c) => {
        const merged = plain(mergeMinutes([a, b, c]));
        expect(plain(mergeMinutes([c, a, b]))).toEqual(merged);
        expect(plain(mergeMinutes([encodeMinute(b), c, encodeMinute(a)]))).toEqual(merged);
      }),
    );
  });

  it('are the same in any grouping', () => {
    fc.assert(
      fc.property(arbitraryRow, arbitraryRow, arbitraryRow, (a, b, c) => {
        const right = toRow(mergeMinutes([b, c]), [b, c]);
        expect(rounded(mergeMinutes([a, right]))).toEqual(rounded(mergeMinutes([a, b, c])));
      }),
    );
  });

  it('add up', () => {
    fc.assert(
      fc.property(arbitraryRow, arbitraryRow, (a, b) => {
        const total = (rows: readonly MinuteRow[]) =>
          rows.flatMap((row) => [...row.cells, ...row.edges]).reduce((sum, { durations }) => sum + durations.count, 0);
        const { operations, edges } = mergeMinutes([a, b]);
        expect([...operations, ...edges].reduce((sum, { count }) => sum + count.estimate, 0)).toBe(total([a, b]));
        for (const { durations, count } of operations) expect(durations.count).toBe(count.estimate);
      }),
    );
  });

  it('leave what they were made of as it was', () => {
    const durations = new Histogram();
    durations.record(5);
    const cell = { operation: 0, kind: 1, spans: 1, errors: 0, variance: 0, errorVariance: 0, sumUs: 5, durations };
    const row = { minute: 1, operations: [{ service: 's', name: 'n' }], cells: [cell], edges: [] };
    mergeMinutes([row, row]);
    expect(durations.count).toBe(1);
  });
});

describe('an estimate', () => {
  it('is exact without variance, and never below what was seen', () => {
    expect(estimate(7, 0, 7)).toEqual({ estimate: 7, low: 7, high: 7 });
    expect(estimate(100, 100, 10)).toEqual({ estimate: 100, low: 80.4, high: 119.6 });
    expect(estimate(10, 90, 1).low).toBe(1);
  });
});
