import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSampled, probabilityToThreshold, thresholdToProbability } from '../../model/sampling.ts';

const ALL = 2n ** 56n;
const high24 = fc.integer({ min: 0, max: 2 ** 24 - 1 });
const low32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** All sizes of probability alike, and what is near the ends. */
const probability = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 60 })).map(([p, n]) => p / 2 ** n),
  fc.constantFrom(0, 1, 2 ** -56, 2 ** -57, 1 - 2 ** -53, 0.1, Number.MIN_VALUE),
);

const join = (high: number, low: number) => (BigInt(high) << 32n) | BigInt(low);
const reference = (p: number) => ALL - BigInt(Math.round(p * 2 ** 56));

describe('probabilityToThreshold', () => {
  it('is 2^56 less the sampled values', () => {
    fc.assert(
      fc.property(probability, (p) => {
        const { high, low } = probabilityToThreshold(p);
        expect(join(high, low)).toBe(reference(p));
      }),
      { numRuns: 2_000 },
    );
    expect(probabilityToThreshold(1)).toEqual({ high: 0, low: 0 });
    expect(probabilityToThreshold(0)).toEqual({ high: 2 ** 24, low: 0 });
    // https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/: ot=th:c is 25 %.
    expect(probabilityToThreshold(0.25)).toEqual({ high: 0xc00000, low: 0 });
  });

  it('comes back from its probability, to the precision of a double', () => {
    fc.assert(
      fc.property(high24, low32, (high, low) => {
        const p = thresholdToProbability(high, low);
        expect(p).toBe(Number(ALL - join(high, low)) / 2 ** 56);
        const back = probabilityToThreshold(p);
        const off = join(back.high, back.low) - join(high, low);
        expect(off >= -8n && off <= 8n).toBe(true);
        if (p <= 0.125) expect(off).toBe(0n);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('isSampled', () => {
  it('compares 56 bits', () => {
    fc.assert(
      fc.property(high24, low32, probability, fc.integer({ min: -1, max: 1 }), (high, low, p, near) => {
        const threshold = probabilityToThreshold(p);
        expect(isSampled(high, low, threshold)).toBe(join(high, low) >= reference(p));
        // The values around the threshold, which chance does not find.
        const edge = reference(p) + BigInt(near);
        if (edge < 0n || edge >= ALL) return;
        expect(isSampled(Number(edge >> 32n), Number(edge & 0xffffffffn), threshold)).toBe(near >= 0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes all at 1 and none at 0', () => {
    const [all, none] = [probabilityToThreshold(1), probabilityToThreshold(0)];
    for (const [high, low] of [
      [0, 0],
      [2 ** 24 - 1, 2 ** 32 - 1],
    ] as const) {
      expect(isSampled(high, low, all)).toBe(true);
      expect(isSampled(high, low, none)).toBe(false);
    }
  });
});
