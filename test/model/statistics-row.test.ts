import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram, roundWeight } from '../../model/histogram.ts';
import { MAX_STATISTICS_ROW_BYTES } from '../../model/limits.ts';
import { type Cell, decodeMinute, encodeMinute, type MinuteRow } from '../../model/statistics-row.ts';
import { StatisticsRowError } from '../../model/statistics-row-error.ts';
import { arbitraryRow, plainRow } from './arbitrary-row.ts';
import { MINUTE_V1, MINUTE_V1_BYTES } from './fixtures/statistics-row-v1.ts';

const sample = fc
  .sample(arbitraryRow, { seed: 5, numRuns: 200 })
  .find((row) => row.edges.length > 3 && row.cells.length > 3)!;
const bytes = encodeMinute(sample);

function fault(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Decodes, or throws what it must throw; anything else fails the test. */
function decodeOrFault(damaged: Uint8Array): MinuteRow | StatisticsRowError {
  try {
    return decodeMinute(damaged);
  } catch (error) {
    if (error instanceof StatisticsRowError) return error;
    throw error;
  }
}

function cell(spans: number, errors = 0): Cell {
  const durations = new Histogram();
  for (let i = 0; i < spans; i++) durations.record(1000);
  return { spans, errors, variance: 0, errorVariance: 0, sumUs: 1000 * spans, durations };
}

describe('a packed row', () => {
  it('of nothing is a dozen bytes', () => {
    const empty: MinuteRow = { minute: 29_833_333, operations: [], cells: [], edges: [] };
    expect(encodeMinute(empty).length).toBe(12);
    expect(decodeMinute(encodeMinute(empty))).toEqual(empty);
  });

  it('is what was packed', () => {
    fc.assert(
      fc.property(arbitraryRow, (row) => {
        const packed = encodeMinute(row);
        expect(plainRow(decodeMinute(packed))).toEqual(plainRow(row));
        expect(encodeMinute(decodeMinute(packed))).toEqual(packed);
      }),
    );
  });

  it('of version 1 is read for ever', () => {
    expect(plainRow(decodeMinute(MINUTE_V1_BYTES))).toEqual(plainRow(MINUTE_V1));
    expect(encodeMinute(MINUTE_V1)).toEqual(MINUTE_V1_BYTES);
  });

  it('is never larger than a row may be', () => {
    const names = Array.from({ length: 4000 }, (_, i) => ({ service: 'shop', name: `${i}`.padStart(500, '0') }));
    const row = { minute: 1, operations: names, cells: [], edges: [] };
    expect(fault(() => encodeMinute(row))).toMatchObject({ fault: 'too_large' });
    expect(names.length * 500).toBeGreaterThan(MAX_STATISTICS_ROW_BYTES);
  });
});

describe('bytes that are no row', () => {
  const change = (at: number, byte: number) => Uint8Array.from(bytes, (old, i) => (i === at ? byte : old));
  const row = (part: Partial<MinuteRow>) =>
    encodeMinute({ minute: 1, operations: [{ service: 'shop', name: 'GET /' }], cells: [], edges: [], ...part });
  const operation = { operation: 0, kind: 2 };

  it('are refused with what is wrong', () => {
    const faults: [Uint8Array, string][] = [
      [new Uint8Array(0), 'truncated'],
      [change(0, 0), 'bad_magic'],
      [change(4, 2), 'unknown_version'],
      [bytes.subarray(0, bytes.length - 1), 'truncated'],
      [Uint8Array.of(...bytes, 0), 'trailing_bytes'],
      [Uint8Array.of(...bytes.subarray(0, 5), ...new Array(9).fill(0xff)), 'bad_varint'],
      [Uint8Array.of(...bytes.subarray(0, 5), 1, 1, 1, 0xff), 'bad_utf8'],
      [
        row({
          operations: [
            { service: 'b', name: '' },
            { service: 'a', name: '' },
          ],
        }),
        'bad_order',
      ],
      [
        row({
          operations: [
            { service: 'a', name: 'b' },
            { service: 'a', name: 'b' },
          ],
        }),
        'bad_order',
      ],
      [row({ cells: [{ ...operation, operation: 1, ...cell(1) }] }), 'bad_reference'],
      [row({ edges: [{ parent: 0, child: 1, ...cell(1), client: new Histogram() }] }), 'bad_reference'],
      [row({ cells: [{ ...operation, kind: 6, ...cell(1) }] }), 'bad_value'],
      [row({ cells: [{ ...operation, ...cell(0) }] }), 'bad_value'],
      [row({ cells: [{ ...operation, ...cell(1, 2) }] }), 'bad_value'],
      [row({ cells: [{ ...operation, ...cell(3), spans: 4 }] }), 'bad_value'],
      [row({ cells: [{ ...operation, ...cell(3), spans: 2, variance: -1 }] }), 'bad_value'],
      [row({ cells: [{ ...operation, ...cell(3), spans: 2, variance: Number.NaN }] }), 'bad_value'],
      [
        row({
          cells: [
            { ...operation, ...cell(1) },
            { ...operation, ...cell(1) },
          ],
        }),
        'bad_order',
      ],
    ];
    for (const [damaged, code] of faults) {
      expect([code, fault(() => decodeMinute(damaged))]).toMatchObject([
        code,
        { name: 'StatisticsRowError', fault: code },
      ]);
    }
  });

  it('never decode to something that breaks later, whatever was damaged', () => {
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      expect(decodeOrFault(bytes.subarray(0, at))).toBeInstanceOf(StatisticsRowError);
      for (let bit = 0; bit < 8; bit++) {
        const read = decodeOrFault(change(at, bytes[at]! ^ (1 << bit)));
        if (read instanceof StatisticsRowError) refused++;
        else expect(decodeMinute(encodeMinute(read)).cells.length).toBe(read.cells.length);
      }
    }
    expect(refused).toBeGreaterThan(bytes.length);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (tail) => {
        decodeOrFault(Uint8Array.of(...bytes.subarray(0, 5), ...tail));
      }),
    );
  });
});

describe('a weight', () => {
  it('is rounded to what sums add exactly', () => {
    expect(roundWeight(1)).toBe(1);
    expect(roundWeight(10 / 3) * 65536).toBe(Math.round((65536 * 10) / 3));
    expect(roundWeight(1e9)).toBe(2 ** 20);
  });
});
