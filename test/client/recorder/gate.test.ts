import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGate } from '../../../client/recorder/gate.ts';

/** Jitter is a factor of a half. */
const gate = () => createGate(() => 0);

describe('after failures', () => {
  it('waits ever longer, at most five minutes, and not at all after a success', () => {
    const one = gate();
    const waits = Array.from({ length: 12 }, () => {
      one.note('unavailable', null, 0);
      return one.waitMs(0);
    });
    expect(waits).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 150_000, 150_000, 150_000,
    ]);
    const other = gate();
    for (const outcome of ['unavailable', 'unavailable', 'accepted', 'unavailable'] as const)
      other.note(outcome, null, 0);
    expect(other.waitMs(0)).toBe(500);
  });

  it('opens the circuit after five, lets one through when its time is over, and closes after two successes', () => {
    const one = gate();
    for (let i = 0; i < 4; i++) one.note('unavailable', null, 0);
    expect(one.state(0)).toBe('closed');
    one.note('unavailable', null, 0);
    expect([one.state(0), one.waitMs(0)]).toEqual(['open', 8_000]);
    expect([one.state(8_000), one.waitMs(8_000)]).toEqual(['half-open', 0]);
    // A failure opens it again, for longer.
    one.note('unavailable', null, 8_000);
    expect([one.state(8_000), one.waitMs(8_000)]).toEqual(['open', 16_000]);
    // After one success a failure still opens it; after two it takes five again.
    one.note('accepted', null, 24_000);
    one.note('unavailable', null, 24_000);
    expect(one.state(24_000)).toBe('open');
    one.note('accepted', null, 40_000);
    one.note('rejected', null, 40_000);
    one.note('unavailable', null, 40_000);
    expect(one.state(40_000)).toBe('closed');
  });

  it('tries at once when the network is back, but not before the edge wants it', () => {
    const one = gate();
    for (let i = 0; i < 9; i++) one.note('unavailable', null, 0);
    one.reopen();
    expect([one.waitMs(0), one.state(0)]).toEqual([0, 'closed']);
    one.note('unavailable', 90_000, 0);
    one.reopen();
    expect(one.waitMs(0)).toBe(90_500);
  });
});

it('obeys Retry-After however long, up to an hour', () => {
  for (const [asked, waited] of [
    [0, 500],
    [7_000, 7_500],
    [120_000, 120_500],
    [1e15, 3_600_500],
  ] as const) {
    const one = gate();
    one.note('unavailable', asked, 0);
    expect(one.waitMs(0)).toBe(waited);
  }
  // Others' successes do not make it shorter.
  const one = gate();
  one.note('unavailable', 60_000, 0);
  one.note('accepted', null, 1_000);
  expect(one.waitMs(1_000)).toBe(59_500);
});

it('allows ten retries, and then one for each ten successes', () => {
  const one = gate();
  expect(Array.from({ length: 12 }, () => one.tryRetry()).filter(Boolean)).toHaveLength(10);
  for (let i = 0; i < 9; i++) one.note('accepted', null, 0);
  expect(one.tryRetry()).toBe(false);
  for (let i = 0; i < 2; i++) one.note('accepted', null, 0);
  expect([one.tryRetry(), one.tryRetry()]).toEqual([true, false]);
});

it('lets 100 requests through at once and 40 a second for long, whenever they ask', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(200), { minLength: 200, maxLength: 400 }), (gaps) => {
      const one = gate();
      const passedMs: number[] = [];
      let nowMs = 0;
      for (const gap of gaps) {
        nowMs += gap % 7 === 0 ? gap : 0;
        nowMs += one.waitMs(nowMs);
        one.pass(nowMs);
        passedMs.push(nowMs);
      }
      for (const [i, atMs] of passedMs.entries()) {
        const inSecond = passedMs.filter((other) => other >= atMs && other < atMs + 1_000).length;
        expect(inSecond).toBeLessThanOrEqual(142);
        if (i === 100) expect(passedMs.slice(0, 101).some((other) => other > 0)).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});
