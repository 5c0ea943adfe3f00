import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Gaps } from '../../durable-objects/gaps.ts';

it('bounds the 95th percentile from above, by a factor of less than 1.5', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 10, max: 20_000, noNaN: true }), { minLength: 20, maxLength: 900 }),
      (pauses) => {
        const gaps = new Gaps();
        for (const ms of pauses) gaps.learn(3, ms);
        const sorted = pauses.toSorted((a, b) => a - b);
        const exact = sorted[sorted.length - 1 - Math.floor(sorted.length * (1 - 0.95))]!;
        const bound = gaps.quietMs(3)!;
        expect(bound).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
        expect(bound).toBeLessThanOrEqual(Math.max(10, exact * Math.SQRT2 * (1 + 1e-9)));
      },
    ),
  );
});

it('says nothing of an operation with few samples, or none', () => {
  const gaps = new Gaps();
  for (let i = 0; i < 19; i++) gaps.learn(1, 100);
  expect([gaps.quietMs(1), gaps.quietMs(2)]).toEqual([null, null]);
  gaps.learn(1, 100);
  expect(gaps.quietMs(1)).toBeGreaterThanOrEqual(100);
});

it('forgets what was long ago', () => {
  const gaps = new Gaps();
  for (let i = 0; i < 1_000; i++) gaps.learn(1, 10_000);
  for (let i = 0; i < 8_000; i++) gaps.learn(1, 20);
  expect(gaps.quietMs(1)).toBeLessThan(100);
  // What is restored is the same.
  const again = new Gaps();
  for (const [operation, counts] of gaps.entries()) again.restore(operation, counts);
  expect(again.entries()).toEqual(gaps.entries());
});
