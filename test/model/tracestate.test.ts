import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thresholdToProbability } from '../../model/sampling.ts';
import { OtState, parseOtState, parseOtStateText } from '../../model/tracestate.ts';

const NOTHING = new OtState();
const parse = (traceState: string) => {
  const { hasThreshold, thresholdHigh, thresholdLow, hasRandom, randomHigh, randomLow } = parseOtStateText(traceState);
  return {
    th: hasThreshold ? (BigInt(thresholdHigh) << 32n) | BigInt(thresholdLow) : null,
    rv: hasRandom ? (BigInt(randomHigh) << 32n) | BigInt(randomLow) : null,
  };
};

/** What the grammar says, by regular expressions. */
function reference(traceState: string) {
  const member = traceState
    .split(',')
    .map((part) => part.replace(/^[ \t]+|[ \t]+$/g, ''))
    .find((part) => part.startsWith('ot='));
  const parts = member ? member.slice(3).split(';') : [];
  const th = parts.find((part) => /^th:[0-9a-f]{1,14}$/.test(part));
  const rv = parts.find((part) => /^rv:[0-9a-f]{14}$/.test(part));
  return { th: th ? BigInt(`0x${th.slice(3).padEnd(14, '0')}`) : null, rv: rv ? BigInt(`0x${rv.slice(3)}`) : null };
}

describe('parseOtState', () => {
  it.each([
    ['', null, null],
    ['ot=th:0', 0n, null],
    ['ot=th:c', 0xc0000000000000n, null],
    ['ot=rv:6e6d1a75832a2f;th:fd70a', 0xfd70a000000000n, 0x6e6d1a75832a2fn],
    ['vendor=1, ot=p:8;th:8 ,other=ot=th:f', 0x80000000000000n, null],
    ['ot=th:ffffffffffffff;rv:ffffffffffffff', 0xffffffffffffffn, 0xffffffffffffffn],
    ['ot=th:', null, null],
    ['ot=th:8G;rv:6e6d1a75832a2', null, null],
    ['ot=th:C', null, null],
    ['ot=th:123456789012345', null, null],
    ['xot=th:8', null, null],
    ['ot@tenant=th:8', null, null],
    ['ot', null, null],
    ['ot=', null, null],
  ])('%s', (traceState, th, rv) => {
    expect(parse(traceState)).toEqual({ th, rv });
  });

  it('follows the grammar', () => {
    const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdefg'), minLength: 0, maxLength: 16 });
    const part = fc.tuple(fc.constantFrom('th:', 'rv:', 'p:', 'th', ':', ''), hex).map(([key, value]) => key + value);
    const rv = fc.bigInt({ min: 0n, max: 2n ** 56n - 1n }).map((n) => `rv:${n.toString(16).padStart(14, '0')}`);
    const member = fc
      .tuple(
        fc.constantFrom('ot=', 'ot=', ' ot=', '\tot=', 'o=', 'ott=', 'é='),
        fc.array(fc.oneof(part, rv), { maxLength: 4 }),
        fc.constantFrom('', ' ', '\t '),
      )
      .map(([key, parts, space]) => key + parts.join(';') + space);
    let found = 0;
    fc.assert(
      fc.property(fc.array(member, { maxLength: 4 }), (members) => {
        const traceState = members.join(',');
        const expected = reference(traceState);
        expect(parse(traceState)).toEqual(expected);
        if (expected.th !== null && expected.rv !== null) found++;
      }),
      { numRuns: 3_000 },
    );
    expect(found).toBeGreaterThan(10);
  });

  it('reads a range of bytes, any bytes, and forgets what was there before', () => {
    const out = new OtState();
    const bytes = new TextEncoder().encode('ot=th:8,ot=th:c;rv:00000000000001');
    parseOtState(bytes, 8, bytes.length, out);
    expect([out.thresholdHigh, out.randomHigh, out.randomLow]).toEqual([0xc00000, 0, 1]);
    expect(thresholdToProbability(out.thresholdHigh, out.thresholdLow)).toBe(0.25);
    parseOtState(bytes, 0, 5, out);
    expect([out.hasThreshold, out.hasRandom]).toEqual([NOTHING.hasThreshold, NOTHING.hasRandom]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), fc.nat(40), (any, a, b) => {
        parseOtState(any, Math.min(a, b), Math.max(a, b), out);
      }),
    );
  });
});
