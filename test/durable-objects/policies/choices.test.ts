import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { MAX_COUNTED_EDGES, MAX_COVERED_KEYS } from '../../../durable-objects/policies/bounds.ts';
import type { Policy } from '../../../durable-objects/policies/policy.ts';
import { policyMaker, policySchema } from '../../../durable-objects/policies/registry.ts';
import { shareOut } from '../../../durable-objects/policies/share-out.ts';
import { seededRandom } from '../../kit/random.ts';
import { makeView, randomTrace, VIEW_START_MS, type ViewOptions, type ViewSpan } from './view.ts';

const MINUTE_MS = 60_000;
/** The start of a minute, and of an hour. */
const T0 = VIEW_START_MS - (VIEW_START_MS % (60 * MINUTE_MS));

const make = (options: object, shards = 1): Policy =>
  policyMaker(shards, { services: [], operations: [] })(v.parse(policySchema, options));

/** Judges a trace and tells the policy what became of it. */
function decide(policy: Policy, view: ViewOptions, nowMs: number, keptAnyway = false) {
  const made = makeView(view);
  const verdict = policy.judge(made, nowMs);
  policy.observe?.(made, nowMs, keptAnyway || (verdict?.keep ?? false));
  return verdict;
}

const span = (part: ViewSpan): ViewOptions => ({ spans: [part] });

describe('coverage', () => {
  it('keeps so many of each operation a minute, and leaves the rest to the next rule', () => {
    const policy = make({ type: 'coverage', of: 'operation', perMinute: 2 });
    const kept = (name: string, atMs: number) => decide(policy, span({ name }), T0 + atMs)?.reason ?? null;
    expect([kept('a', 0), kept('a', 1), kept('a', 2)]).toEqual(['coverage', 'coverage', null]);
    expect([kept('b', 3), kept('a', 59_999), kept('a', 60_000)]).toEqual(['coverage', null, 'coverage']);
  });

  it('any span counts, of services too', () => {
    const policy = make({ type: 'coverage', of: 'service', perMinute: 1 });
    const trace = (...services: string[]) => ({ spans: services.map((service) => ({ service })) });
    expect(decide(policy, trace('a', 'b', 'a'), T0)).not.toBeNull();
    expect(decide(policy, trace('b', 'a'), T0)).toBeNull();
    expect(decide(policy, trace('a', 'b', 'c'), T0)).not.toBeNull();
  });

  it('counts what other rules kept, not what was dropped', () => {
    const policy = make({ type: 'coverage', of: 'service', perMinute: 2 });
    const view = makeView();
    policy.observe!(view, T0, true);
    policy.observe!(view, T0, false);
    expect(policy.judge(view, T0)).not.toBeNull();
    policy.observe!(view, T0, true);
    expect(policy.judge(view, T0)).toBeNull();
  });

  it('a step back in time does not open the minute again, a jump does not close it for ever', () => {
    const policy = make({ type: 'coverage', of: 'service', perMinute: 1 });
    expect(decide(policy, {}, T0)).not.toBeNull();
    expect(decide(policy, {}, T0 - 1)).toBeNull();
    expect(decide(policy, {}, T0 + 1)).toBeNull();
    expect(decide(policy, {}, T0 - 10 * MINUTE_MS)).not.toBeNull();
    expect(decide(policy, {}, T0 - 9 * MINUTE_MS)).not.toBeNull();
  });

  it('keeps no more for keys beyond what it can count', () => {
    const policy = make({ type: 'coverage', of: 'service', perMinute: 1 });
    let kept = 0;
    for (let i = 0; i < 2 * MAX_COVERED_KEYS; i++) if (decide(policy, span({ service: `s${i}` }), T0)) kept++;
    expect(kept).toBe(MAX_COVERED_KEYS);
  });
});

describe('rare_edge', () => {
  const call = (from: string, to: string): ViewOptions => ({
    spans: [{ service: from }, { service: from }, { service: to, parent: 1 }],
  });

  it('keeps an edge the first time it is seen', () => {
    const policy = make({ type: 'rare_edge' });
    expect(decide(policy, call('a', 'b'), T0)).toEqual({ keep: true, rate: 1, reason: 'rare_edge' });
    expect(decide(policy, call('a', 'b'), T0)).toBeNull();
    expect(decide(policy, call('b', 'a'), T0)).not.toBeNull();
    expect(decide(policy, call('a', 'a'), T0)).toBeNull();
    expect(decide(policy, { spans: [{ service: 'x' }, { service: 'y', parent: -1 }] }, T0)).toBeNull();
  });

  it('counts traces, of this window and the last', () => {
    const policy = make({ type: 'rare_edge', fewerThan: 3, windowMinutes: 60 });
    const twice: ViewOptions = { spans: [{ service: 'a' }, { service: 'b' }, { service: 'b' }] };
    expect([decide(policy, twice, T0), decide(policy, twice, T0), decide(policy, twice, T0)]).not.toContain(null);
    expect(decide(policy, twice, T0)).toBeNull();
    expect(decide(policy, twice, T0 + 60 * MINUTE_MS)).toBeNull();
    expect(decide(policy, twice, T0 + 180 * MINUTE_MS)).not.toBeNull();
  });

  it('does not count a trace again that is decided again', () => {
    const policy = make({ type: 'rare_edge' });
    const late: ViewOptions = {
      spans: [
        { service: 'a', measured: true },
        { service: 'b', measured: true },
      ],
    };
    expect(decide(policy, late, T0)).not.toBeNull();
    expect(decide(policy, late, T0)).not.toBeNull();
  });

  it('takes edges for frequent that it has no room to count', () => {
    const policy = make({ type: 'rare_edge' });
    let kept = 0;
    for (let i = 0; i < 2 * MAX_COUNTED_EDGES; i++) if (decide(policy, call('a', `s${i}`), T0)) kept++;
    expect(kept).toBe(MAX_COUNTED_EDGES);
  });
});

describe('latency_percentile', () => {
  it('learns what is slow for each operation', () => {
    const policy = make({ type: 'latency_percentile', percentile: 95 });
    const random = seededRandom(3);
    const slowest = (name: string, scale: number) => {
      let kept = 0;
      for (let i = 0; i < 4_000; i++) {
        const verdict = decide(policy, span({ name, durationUs: scale * -Math.log(1 - random()) }), T0 + i);
        if (i < 100) expect(verdict).toBeNull();
        else if (verdict) kept++;
      }
      return kept / 3_900;
    };
    for (const [name, scale] of [
      ['fast', 1_000],
      ['slow', 1e6],
    ] as const) {
      const share = slowest(name, scale);
      expect(share).toBeGreaterThan(0.03);
      expect(share).toBeLessThan(0.07);
    }
    expect(decide(policy, span({ name: 'fast', durationUs: 5_000 }), T0)?.reason).toBe('slow_for_operation');
    expect(decide(policy, span({ name: 'slow', durationUs: 5_000 }), T0)).toBeNull();
    expect(decide(policy, span({ name: 'new', durationUs: 1e9 }), T0)).toBeNull();
  });

  it('a tenth of the traces above the 90th percentile, where durations spread over decades', () => {
    const policy = make({ type: 'latency_percentile', percentile: 90 });
    const random = seededRandom(4);
    let kept = 0;
    for (let i = 0; i < 20_000; i++) if (decide(policy, span({ durationUs: 10 ** (2 + 4 * random()) }), T0 + i)) kept++;
    expect(kept / 20_000).toBeGreaterThan(0.09);
    expect(kept / 20_000).toBeLessThan(0.11);
  });

  it('forgets what is two windows old, and learns only from ended roots that are new', () => {
    const policy = make({ type: 'latency_percentile', windowMinutes: 10, minTraces: 10 });
    const slow = span({ durationUs: 1e6 });
    const learn = (atMs: number, part: ViewSpan = {}, count = 20) => {
      for (let i = 0; i < count; i++) decide(policy, span(part), T0 + atMs);
    };
    learn(0, { measured: true });
    learn(0, { durationUs: null });
    expect(policy.judge(makeView(slow), T0)).toBeNull();
    learn(0);
    expect(policy.judge(makeView(slow), T0)).not.toBeNull();
    expect(policy.judge(makeView({ ...slow, rootEnded: false }), T0)).toBeNull();
    expect(policy.judge(makeView(slow), T0 + 15 * MINUTE_MS)).not.toBeNull();
    expect(policy.judge(makeView(slow), T0 + 25 * MINUTE_MS)).toBeNull();
  });
});

describe('limits', () => {
  it('a trace larger than a second’s worth is kept, and paid for afterwards', () => {
    const policy = make({ type: 'rate_limit', spansPerSecond: 10 });
    const large: ViewOptions = { spans: Array.from({ length: 50 }, () => ({})) };
    expect(decide(policy, large, T0)).toEqual({ keep: true, rate: 1, reason: 'rate_limit' });
    const over = { keep: false, rate: 1, reason: 'over_limit' };
    expect(decide(policy, {}, T0 + 1_000)).toEqual(over);
    expect(decide(policy, {}, T0 + 4_000)).toEqual(over);
    expect(decide(policy, {}, T0 + 4_100)).toEqual({ keep: true, rate: 3, reason: 'rate_limit' });
  });

  it('time that goes back earns nothing and costs nothing', () => {
    const policy = make({ type: 'byte_limit', bytesPerSecond: 1_000 });
    const view = { bytes: 1_000 };
    expect(decide(policy, view, T0)?.keep).toBe(true);
    for (let i = 0; i < 10; i++) expect(decide(policy, view, T0 - i * 60_000)?.keep).toBe(false);
    expect(decide(policy, view, T0 - 540_000 + 500)?.keep).toBe(true);
    // Nor does a clock that goes to and fro.
    for (let i = 0; i < 100; i++) expect(decide(policy, view, T0 - 540_000 + (i % 2) * 500)?.keep).toBe(false);
  });
});

describe('composite', () => {
  const composite = make({
    type: 'composite',
    spansPerSecond: 100,
    shares: [
      { share: 0.5, of: { type: 'error' } },
      {
        share: 0.1,
        of: {
          type: 'and',
          of: [
            { type: 'latency', minMs: 1 },
            { type: 'probability', probability: 0.5 },
          ],
        },
      },
    ],
  });
  const keptOf = (view: ViewOptions, count: number, atMs: number) => {
    let kept = 0;
    for (let i = 0; i < count; i++) if (decide(composite, view, atMs)?.keep) kept++;
    return kept;
  };

  it('each member has its share, and what none matches goes on', () => {
    expect(keptOf(span({ status: 'error' }), 500, T0)).toBe(50);
    expect(keptOf({}, 500, T0)).toBe(10);
    expect(decide(composite, span({ status: 'error' }), T0)).toEqual({ keep: false, rate: 1, reason: 'over_limit' });
    expect(decide(composite, { random: [0, 0] }, T0)).toEqual({ keep: false, rate: 1, reason: 'not_sampled' });
    expect(decide(composite, span({ durationUs: 1 }), T0)).toBeNull();
  });

  it('rates tell what the member and the share left out', () => {
    decide(composite, {}, T0 + 10_000);
    const used = keptOf({}, 100, T0 + 10_000);
    expect(used).toBe(9);
    const next = decide(composite, {}, T0 + 20_000);
    expect(next).toEqual({ keep: true, rate: 2 * (1 + 100 - used), reason: 'probability' });
  });
});

describe('throughput', () => {
  it('keeps rare kinds whole and samples frequent ones', () => {
    const policy = make({ type: 'throughput', tracesPerSecond: 10, adjustSeconds: 10 });
    const random = seededRandom(5);
    const kept = { rare: 0, common: 0 };
    for (let second = 0; second < 100; second++) {
      for (let i = 0; i < 200; i++) {
        const name = i === 0 ? 'rare' : 'common';
        const verdict = decide(policy, { ...randomTrace(random), spans: [{ name }] }, T0 + second * 1_000 + i);
        if (second >= 50 && verdict?.keep) kept[name]++;
      }
    }
    expect(kept.rare).toBeGreaterThanOrEqual(48);
    expect(kept.common).toBeGreaterThan(350);
    expect(kept.common).toBeLessThan(550);
  });

  it('a burst is noticed before the interval ends', () => {
    const policy = make({ type: 'throughput', tracesPerSecond: 10, adjustSeconds: 60 });
    const random = seededRandom(6);
    const keptIn = (count: number, atMs: number) => {
      let kept = 0;
      for (let i = 0; i < count; i++)
        if (decide(policy, randomTrace(random), atMs + (i * 50_000) / count)?.keep) kept++;
      return kept;
    };
    for (let minute = 0; minute < 5; minute++) keptIn(600, T0 + minute * MINUTE_MS);
    expect(keptIn(600, T0 + 5 * MINUTE_MS)).toBeGreaterThan(500);
    // A hundred times as much: without notice, all of it would be kept.
    expect(keptIn(60_000, T0 + 6 * MINUTE_MS)).toBeLessThan(10_000);
  });

  it('kinds beyond those it can tell apart share one room', () => {
    const policy = make({ type: 'throughput', tracesPerSecond: 1, adjustSeconds: 1, maxKeys: 10 });
    const random = seededRandom(8);
    let kept = 0;
    for (let i = 0; i < 20_000; i++) {
      const view = { ...randomTrace(random), spans: [{ name: `unlike any other ${i}` }] };
      if (decide(policy, view, T0 + i)?.keep && i > 5_000) kept++;
    }
    // Each second 10 new kinds are kept whole; of the other 990, about one.
    expect(kept / 15).toBeLessThan(25);
  });

  it('each shard has its part of the goal', () => {
    const keptBy = (shards: number) => {
      const policy = make({ type: 'throughput', tracesPerSecond: 40, adjustSeconds: 1 }, shards);
      const random = seededRandom(9);
      let kept = 0;
      for (let i = 0; i < 20_000; i++) if (decide(policy, randomTrace(random), T0 + i)?.keep && i > 5_000) kept++;
      return kept;
    };
    expect(keptBy(1) / keptBy(4)).toBeGreaterThan(3);
  });
});

describe('shareOut', () => {
  const share = (goal: number, amounts: number[]) => [...shareOut(goal, new Map(amounts.entries())).values()];

  it('hands out the goal, and what one does not need to the others', () => {
    const amounts = [1, 10, 1_000, 100_000];
    const shares = share(1_000, amounts);
    const used = [...shareOut(1_000, new Map(amounts.entries()))].reduce((sum, [i, p]) => sum + p * amounts[i]!, 0);
    expect(used).toBeCloseTo(1_000, 6);
    expect(shares.slice(0, 2)).toEqual([1, 1]);
    expect(shares[2]! * 1_000).toBeLessThan(shares[3]! * 100_000);
  });

  it('everyone gets 1, also where that is more than there is', () => {
    expect(share(2, [10, 10, 10, 10])).toEqual([0.1, 0.1, 0.1, 0.1]);
    expect(share(100, [0.5, 3])).toEqual([1, 1]);
    expect(share(5, [])).toEqual([]);
  });
});
