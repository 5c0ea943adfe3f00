import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, createByteWriter } from '../../model/bytes.ts';
import {
  coarserSlot,
  DURATION_SLOTS,
  decodeHistogram,
  encodeHistogram,
  Histogram,
  roundWeight,
  slotOf,
} from '../../model/histogram.ts';

const LARGEST_US = Number.MAX_SAFE_INTEGER;

/** All orders of magnitude alike, and often next to a power of two. */
const arbitraryDuration = fc.oneof(
  fc.integer({ min: 0, max: 53 }).chain((bits) => fc.integer({ min: 0, max: 2 ** bits - 1 })),
  fc
    .tuple(fc.integer({ min: 0, max: 52 }), fc.integer({ min: -1, max: 1 }))
    .map(([bits, off]) => Math.max(0, 2 ** bits + off)),
);
const arbitraryWeight = fc.oneof(fc.constant(1), fc.double({ min: 1, max: 1000, noNaN: true }).map(roundWeight));
const arbitraryRecords = fc.array(fc.tuple(arbitraryDuration, arbitraryWeight), { maxLength: 60 });

function histogramOf(records: readonly (readonly [number, number])[], scale = 3): Histogram {
  const histogram = new Histogram();
  histogram.coarsen(scale);
  for (const [durationUs, weight] of records) histogram.record(durationUs, weight);
  return histogram;
}

const contentOf = (histogram: Histogram) => ({ scale: histogram.scale, slots: [...histogram.slots()] });

function decode(bytes: Uint8Array): Histogram {
  const reader = new ByteReader(bytes, (code) => {
    throw new Error(code);
  });
  return decodeHistogram(reader, (message) => {
    throw new Error(message);
  });
}

function encode(histogram: Histogram): Uint8Array {
  const writer = createByteWriter();
  encodeHistogram(writer, histogram);
  return writer.written().slice();
}

describe('the slot of a duration', () => {
  /** OpenTelemetry's bucket: above 2^(index/8) and at most 2^((index+1)/8), compared as integers. */
  function isIn(durationUs: number, slot: number): boolean {
    const power = BigInt(durationUs) ** 8n;
    const bound = (eighths: number) => 1n << BigInt(eighths);
    const index = slot - 2;
    return (index < 0 ? power === 1n : power > bound(index)) && power <= bound(index + 1);
  }

  it('is that of the OpenTelemetry bucket it is in, exactly', () => {
    fc.assert(
      fc.property(
        arbitraryDuration.filter((us) => us > 0),
        (us) => isIn(us, slotOf(us)),
      ),
      { numRuns: 3000 },
    );
    for (let us = 1; us < 5000; us++) expect(isIn(us, slotOf(us))).toBe(true);
  });

  it('is exact on both sides of every bound', () => {
    for (let eighths = 1; eighths < 424; eighths++) {
      // The largest integer whose eighth power is at most 2^eighths.
      let low = 0n;
      for (let bit = 53n; bit >= 0n; bit--) {
        const next = low | (1n << bit);
        if (next ** 8n <= 1n << BigInt(eighths)) low = next;
      }
      for (const us of [Number(low), Number(low) + 1]) expect([us, isIn(us, slotOf(us))]).toEqual([us, true]);
    }
  });

  it('is 0 for no duration, and the last one for the longest', () => {
    expect(slotOf(0)).toBe(0);
    expect(slotOf(1)).toBe(1);
    expect(slotOf(LARGEST_US)).toBe(DURATION_SLOTS - 1);
  });
});

describe('a histogram', () => {
  it('has nothing when nothing was recorded', () => {
    const histogram = new Histogram();
    expect(histogram.count).toBe(0);
    expect(histogram.quantile(0.5)).toBeNull();
    expect([...histogram.buckets()]).toEqual([]);
    expect(contentOf(decode(encode(histogram)))).toEqual(contentOf(histogram));
  });

  it('finds every quantile within its bounds and its relative error', () => {
    const cases = fc.tuple(
      fc.array(arbitraryDuration, { minLength: 1, maxLength: 80 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: -2, max: 3 }),
    );
    fc.assert(
      fc.property(cases, ([durations, q, scale]) => {
        const histogram = histogramOf(
          durations.map((us) => [us, 1]),
          scale,
        );
        const sorted = durations.toSorted((a, b) => a - b);
        const truth =
          sorted[
            Math.max(
              0,
              sorted.findIndex((_, i) => i + 1 >= q * sorted.length),
            )
          ]!;
        const { estimateUs, lowUs, highUs } = histogram.quantile(q)!;
        expect(truth === 0 ? lowUs === 0 : lowUs < truth * (1 + 1e-12)).toBe(true);
        expect(truth).toBeLessThanOrEqual(highUs * (1 + 1e-12));
        expect(Math.abs(estimateUs - truth)).toBeLessThanOrEqual(truth * histogram.relativeError * (1 + 1e-9));
      }),
      { numRuns: 500 },
    );
    expect(new Histogram().relativeError).toBeLessThan(0.044);
  });

  it('merges to what it had been if all were recorded in one, in any order and grouping', () => {
    const scale = fc.integer({ min: 0, max: 3 });
    const parts = fc.tuple(arbitraryRecords, scale, arbitraryRecords, scale, arbitraryRecords, scale);
    fc.assert(
      fc.property(parts, ([a, scaleA, b, scaleB, c, scaleC]) => {
        const of = () => [histogramOf(a, scaleA), histogramOf(b, scaleB), histogramOf(c, scaleC)] as const;
        const whole = histogramOf([...a, ...b, ...c], Math.min(scaleA, scaleB, scaleC));
        const [left1, left2, left3] = of();
        const [right1, right2, right3] = of();
        const [turned1, turned2, turned3] = of();
        expect(contentOf(left1.merge(left2).merge(left3))).toEqual(contentOf(whole));
        expect(contentOf(right1.merge(right2.merge(right3)))).toEqual(contentOf(whole));
        expect(contentOf(turned3.merge(turned2).merge(turned1))).toEqual(contentOf(whole));
      }),
    );
  });

  it('is as before when what was merged is taken away', () => {
    const scale = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(arbitraryRecords, scale, arbitraryRecords, scale, (a, scaleA, b, scaleB) => {
        const coarser = Math.min(scaleA, scaleB);
        const histogram = histogramOf(a, scaleA).merge(histogramOf(b, scaleB));
        histogram.subtract(histogramOf(b, scaleB));
        expect(contentOf(histogram)).toEqual(contentOf(histogramOf(a, coarser)));
      }),
    );
  });

  it('halves its resolution as if it had been recorded so', () => {
    fc.assert(
      fc.property(arbitraryRecords, fc.integer({ min: -5, max: 3 }), (records, scale) => {
        const coarsened = histogramOf(records);
        coarsened.coarsen(scale);
        expect(contentOf(coarsened)).toEqual(contentOf(histogramOf(records, scale)));
      }),
    );
    expect(coarserSlot(0, 3)).toBe(0);
  });

  it('is the same after encoding', () => {
    fc.assert(
      fc.property(arbitraryRecords, fc.integer({ min: -5, max: 3 }), (records, scale) => {
        const histogram = histogramOf(records, scale);
        const again = decode(encode(histogram));
        expect(contentOf(again)).toEqual(contentOf(histogram));
        expect(again.count).toBe(histogram.count);
      }),
    );
  });

  it('says what is wrong with bytes that are none', () => {
    expect(() => decode(Uint8Array.of(9, 0))).toThrow('scale -6');
    expect(() => decode(Uint8Array.of(0, 2, 0xaa, 0x03, 1, 1))).toThrow('slots 426 to 427 of 426');
    expect(() => decode(Uint8Array.of(0, 2, 5, 0))).toThrow('slots 5 to 5');
    expect(() => decode(Uint8Array.of(0, 2, 5, 2, 0, 1))).toThrow('count of 0');
    expect(() => decode(Uint8Array.of(0, 2, 5, 2, 1, 0))).toThrow('count of 0');
    expect(() => decode(Uint8Array.of(0, 3, 5, 1, 9))).toThrow('count of 0.0001');
    expect(() => decode(Uint8Array.of(0, 4, 5, 1, 1))).toThrow('truncated');
  });
});
