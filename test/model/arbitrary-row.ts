/** Rows of any content for tests. */

import fc from 'fast-check';
import { Histogram, roundWeight } from '../../model/histogram.ts';
import type { Cell, MinuteRow } from '../../model/statistics-row.ts';

const arbitraryWeights = fc.oneof(
  { weight: 3, arbitrary: fc.constant([1]) },
  {
    weight: 1,
    arbitrary: fc.array(fc.double({ min: 1, max: 100, noNaN: true }).map(roundWeight), { minLength: 1, maxLength: 3 }),
  },
);

const arbitraryCell: fc.Arbitrary<Cell> = fc
  .tuple(
    fc.array(fc.integer({ min: 0, max: 1e9 }), { minLength: 1, maxLength: 12 }),
    arbitraryWeights,
    fc.integer({ min: -5, max: 3 }),
    fc.nat(12),
  )
  .map(([durationsUs, weights, scale, errors]) => {
    const durations = new Histogram();
    durations.coarsen(scale);
    let [sumUs, variance, errorWeight, errorVariance] = [0, 0, 0, 0];
    for (const [i, us] of durationsUs.entries()) {
      const weight = weights[i % weights.length]!;
      const share = Math.round(weight * (weight - 1) * 256) / 256;
      durations.record(us, weight);
      sumUs += Math.round(us * weight);
      variance += share;
      if (i >= errors) continue;
      errorWeight += weight;
      errorVariance += share;
    }
    return { spans: durationsUs.length, errors: errorWeight, variance, errorVariance, sumUs, durations };
  });

const arbitraryHistogram = arbitraryCell.map(({ durations }) => durations);

const compare = <T>(a: T, b: T) => (a < b ? -1 : a > b ? 1 : 0);

export const arbitraryRow: fc.Arbitrary<MinuteRow> = fc
  .record({
    minute: fc.integer({ min: 29_000_000, max: 29_000_100 }),
    operations: fc.uniqueArray(
      fc.record({
        service: fc.constantFrom('shop', 'cart', 'Ümlaut', ''),
        name: fc.constantFrom('GET /', 'a', 'b', '漢字', ''),
      }),
      { maxLength: 8, selector: ({ service, name }) => JSON.stringify([service, name]) },
    ),
    cells: fc.uniqueArray(fc.tuple(fc.nat(9), fc.integer({ min: 0, max: 5 }), arbitraryCell), {
      maxLength: 12,
      selector: ([operation, kind]) => operation * 8 + kind,
    }),
    edges: fc.uniqueArray(fc.tuple(fc.nat(9), fc.nat(9), arbitraryCell, arbitraryHistogram), {
      maxLength: 12,
      selector: ([parent, child]) => parent * 100 + child,
    }),
  })
  .map(({ minute, operations, cells, edges }) => ({
    minute,
    operations: operations.sort((a, b) => compare(a.service, b.service) || compare(a.name, b.name)),
    cells: cells
      .filter(([operation]) => operation < operations.length)
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .map(([operation, kind, cell]) => ({ operation, kind, ...cell })),
    edges: edges
      .filter(([parent, child]) => parent < operations.length && child < operations.length)
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .map(([parent, child, cell, client]) => ({ parent, child, ...cell, client })),
  }));

/** A histogram's content, for comparing. */
export function plainHistogram(histogram: Histogram) {
  return { scale: histogram.scale, count: histogram.count, slots: [...histogram.slots()] };
}

/** The same with histograms' contents in the place of histograms. */
export function plainRow(row: MinuteRow) {
  return {
    ...row,
    cells: row.cells.map((cell) => ({ ...cell, durations: plainHistogram(cell.durations) })),
    edges: row.edges.map((edge) => ({
      ...edge,
      durations: plainHistogram(edge.durations),
      client: plainHistogram(edge.client),
    })),
  };
}
