import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../model/histogram.ts';
import { estimate, mergeMinutes, readSum, type Statistics } from '../../model/statistics-merge.ts';
import { decodeMinute, encodeMinute, type MinuteRow } from '../../model/statistics-row.ts';
import { StatisticsSum } from '../../model/statistics-sum.ts';
import { arbitraryRow, plainHistogram } from './arbitrary-row.ts';

const plain = ({ operations, edges }: Statistics) => ({
  operations: operations.map((measured) => ({ ...measured, durations: plainHistogram(measured.durations) })),
  edges: edges.map((measured) => ({
    ...measured,
    durations: plainHistogram(measured.durations),
    client: plainHistogram(measured.client),
  })),
});

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
        const { row, ...minutes } = new StatisticsSum().add(b).add(c).toRow();
        const packed = decodeMinute(encodeMinute(row));
        expect(plain(readSum(new StatisticsSum().add(a).add(packed, minutes)))).toEqual(plain(mergeMinutes([a, b, c])));
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
