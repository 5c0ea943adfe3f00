/** What each of several senders gets of a capacity of 1,000 spans a second, by a clock of the test's own. */
import { expect, it } from 'vitest';
import { Capacity } from '../../durable-objects/capacity.ts';
import { FairShares } from '../../durable-objects/fair-shares.ts';
import { MAX_CALLERS } from '../../model/limits.ts';
import { seededRandom } from '../kit/random.ts';

const CAPACITY = 1_000;
const WARM_UP_MS = 10_000;
const END_MS = 70_000;

interface Sender {
  readonly spansPerSecond: number;
  readonly perRequest: number;
  readonly isUrgent?: boolean;
}

/** By sender what it got, in spans a second, and the share of its spans that was refused, after a warm-up. */
function share(senders: Readonly<Record<string, Sender>>, seed = 1) {
  const random = seededRandom(seed);
  const capacity = new Capacity(CAPACITY, 0);
  const shares = new FairShares();
  const states = Object.entries(senders).map(([who, sender]) => ({ who, ...sender, nextMs: 0, offered: 0, got: 0 }));
  for (let nowMs = 0; nowMs < END_MS; nowMs++) {
    for (const state of states) {
      const { who, perRequest, isUrgent = false } = state;
      for (; state.nextMs <= nowMs; state.nextMs += ((1_000 * perRequest) / state.spansPerSecond) * (0.5 + random())) {
        shares.see(who, 0, nowMs);
        const { spans } = capacity.lease(perRequest, perRequest, nowMs, isUrgent, shares.keptFrom(who));
        if (spans > 0) shares.see(who, spans, nowMs);
        if (nowMs < WARM_UP_MS) continue;
        state.offered += perRequest;
        state.got += spans;
      }
    }
  }
  const seconds = (END_MS - WARM_UP_MS) / 1_000;
  return Object.fromEntries(
    states.map(({ who, offered, got }) => [who, { perSecond: got / seconds, refused: 1 - got / offered }]),
  );
}

it.each([20, 100, 400])('has the key that floods in requests of %i spans bear all refusals', (perRequest) => {
  for (const spansPerSecond of [50, 200, 450]) {
    const { small, big } = share({
      small: { spansPerSecond, perRequest: 25 },
      big: { spansPerSecond: 10 * CAPACITY, perRequest },
    });
    expect(small!.refused).toBeLessThan(0.01);
    expect(big!.refused).toBeGreaterThan(0.9);
    // What the small one leaves is not wasted.
    expect(small!.perSecond + big!.perSecond).toBeGreaterThan(0.98 * CAPACITY);
  }
});

it('gives a key alone all there is', () => {
  expect(share({ alone: { spansPerSecond: 5_000, perRequest: 100 } }).alone!.perSecond).toBeCloseTo(CAPACITY, -1);
});

it('parts the capacity evenly among those that flood, and lets in whole who sends less than that', () => {
  const { a, b, small, smaller } = share({
    a: { spansPerSecond: 5_000, perRequest: 50 },
    b: { spansPerSecond: 20_000, perRequest: 50 },
    small: { spansPerSecond: 180, perRequest: 20 },
    smaller: { spansPerSecond: 20, perRequest: 5 },
  });
  for (const one of [a, b]) {
    expect(one!.perSecond).toBeGreaterThan(330);
    expect(one!.perSecond).toBeLessThan(470);
  }
  expect(Math.max(small!.refused, smaller!.refused)).toBeLessThan(0.01);
});

it('refuses the largest only, where a little less would do', () => {
  const { largest, large, small } = share({
    largest: { spansPerSecond: 600, perRequest: 20 },
    large: { spansPerSecond: 420, perRequest: 20 },
    small: { spansPerSecond: 50, perRequest: 10 },
  });
  expect(largest!.refused).toBeGreaterThan(0.05);
  expect(Math.max(large!.refused, small!.refused)).toBeLessThan(0.01);
});

it('refuses nobody while there is enough', () => {
  const all = share({ big: { spansPerSecond: 700, perRequest: 50 }, small: { spansPerSecond: 10, perRequest: 5 } });
  expect(Object.values(all).map(({ refused }) => refused)).toEqual([0, 0]);
});

it('keeps nothing from what is urgent', () => {
  const { big } = share({
    small: { spansPerSecond: 100, perRequest: 10 },
    big: { spansPerSecond: 950, perRequest: 50, isUrgent: true },
  });
  expect(big!.refused).toBeLessThan(0.01);
});

it('makes room for a newcomer within a second', () => {
  const capacity = new Capacity(CAPACITY, 0);
  const shares = new FairShares();
  const ask = (who: string, needed: number, nowMs: number) => {
    shares.see(who, 0, nowMs);
    const { spans } = capacity.lease(needed, needed, nowMs, false, shares.keptFrom(who));
    shares.see(who, spans, nowMs);
    return spans;
  };
  for (let nowMs = 0; nowMs < 20_000; nowMs += 10) ask('big', 50, nowMs);
  expect(ask('new', 500, 20_000)).toBe(0);
  for (let nowMs = 20_000; nowMs < 21_000; nowMs += 10) ask('big', 50, nowMs);
  expect(ask('new', 500, 21_000)).toBe(500);
});

it('forgets who has gone quiet', () => {
  const shares = new FairShares();
  shares.see('gone', 100, 0);
  shares.see('big', 900, 0);
  expect(shares.keptFrom('big')).toBe(0.5);
  for (let nowMs = 0; nowMs <= 32_000; nowMs += 1_000) shares.see('big', 900, nowMs);
  expect([shares.size, shares.keptFrom('big'), shares.keptFrom('gone')]).toEqual([1, 0, 0]);
});

it('is bounded, whoever asks', () => {
  const shares = new FairShares();
  shares.see('big', 100_000, 0);
  for (let i = 0; i < 100_000; i++) shares.see(`made up ${i}`, 1, i / 10);
  expect(shares.size).toBe(MAX_CALLERS);
  shares.see('big', 1, 10_000);
  expect(shares.keptFrom('big')).toBe(0.5);
  shares.see('later', 10_000, 60_000);
  expect([shares.size, shares.keptFrom('later')]).toEqual([1, 0]);
});
