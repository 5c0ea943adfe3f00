/** What the kept traces, each times its rate, say of all traces that were begun: seeds are fixed, bounds are 4 sigma. */

import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../durable-objects/config.ts';
import { createSampler } from '../../../durable-objects/decide.ts';
import { isSampled, probabilityToThreshold } from '../../../model/sampling.ts';
import { seededRandom } from '../../kit/random.ts';
import { makeView, randomTrace, VIEW_START_MS, type ViewSpan } from './view.ts';

interface Estimate {
  begun: number;
  kept: number;
  keptSpans: number;
  /** Of all traces, and of those that are errors, that are of the rarest operation, or large. */
  all: Sum;
  errors: Sum;
  rare: Sum;
  large: Sum;
}

class Sum {
  truth = 0;
  estimate = 0;
  /** What the estimate's variance is estimated at: a trace of rate r was there with probability 1/r. */
  variance = 0;

  add(rate: number): void {
    this.estimate += rate;
    this.variance += rate * (rate - 1);
  }

  get sigmas(): number {
    return this.estimate === this.truth ? 0 : Math.abs(this.estimate - this.truth) / Math.sqrt(this.variance);
  }
}

const HEADS = [1, 1, 0.5, 0.05];
const COUNT = 30_000;

/** 1,000 traces a second are begun; the head samples some of them. */
function simulate(rules: readonly object[] | undefined, { seed = 1, headed = true, shards = 1 } = {}): Estimate {
  const sampler = createSampler(parseConfig(JSON.stringify({ shards, ...(rules ? { rules } : {}) })));
  const random = seededRandom(seed);
  const result: Estimate = {
    begun: 0,
    kept: 0,
    keptSpans: 0,
    all: new Sum(),
    errors: new Sum(),
    rare: new Sum(),
    large: new Sum(),
  };
  for (let i = 0; i < COUNT; i++) {
    const trace = randomTrace(random);
    const headProbability = headed ? HEADS[Math.floor(random() * HEADS.length)]! : 1;
    const operation = Math.floor(random() ** 4 * 20);
    const isError = random() < 0.05;
    const isLarge = random() < 0.1;
    const root: ViewSpan = {
      service: `service-${operation % 5}`,
      name: `GET /${operation}`,
      status: isError ? 'error' : 'unset',
      durationUs: 1_000 + random() * 200_000 * (random() < 0.02 ? 20 : 1),
    };
    const kinds = [
      result.all,
      ...(isError ? [result.errors] : []),
      ...(operation >= 18 ? [result.rare] : []),
      ...(isLarge ? [result.large] : []),
    ];
    result.begun++;
    for (const kind of kinds) kind.truth++;
    if (!isSampled(...trace.random, probabilityToThreshold(headProbability))) continue;
    const spans = isLarge
      ? Array.from({ length: 40 }, (_, n) => (n === 0 ? root : { ...root, service: 'db', status: 'unset' as const }))
      : [root];
    const decision = sampler.decide(makeView({ ...trace, headProbability, spans }), VIEW_START_MS + i);
    if (!decision.keep) continue;
    result.kept++;
    result.keptSpans += spans.length;
    for (const kind of kinds) kind.add(decision.rate);
  }
  return result;
}

const ERROR = { type: 'error' };
const SLOW = { type: 'latency', minMs: 1_000 };
const chance = (probability: number) => ({ type: 'probability', probability });

/** Sampling by randomness, and rules that keep all: no part of the traces is over- or under-represented. */
describe.each<[string, readonly object[] | undefined]>([
  ['default rules', undefined],
  ['one probability', [chance(0.02)]],
  ['coverage before a probability', [{ type: 'coverage', of: 'operation', perMinute: 100 }, chance(0.05)]],
  ['latency that is learned', [{ type: 'latency_percentile', percentile: 95 }, chance(0.05)]],
  [
    'an operation with a probability of its own',
    [{ type: 'and', of: [chance(0.01), { type: 'operation', services: ['service-0'] }] }, chance(0.2)],
  ],
  ['throughput', [ERROR, { type: 'throughput', tracesPerSecond: 50, adjustSeconds: 2 }]],
  [
    'throughput by several keys',
    [{ type: 'throughput', tracesPerSecond: 30, adjustSeconds: 1, key: ['service', 'error'], maxKeys: 4 }],
  ],
  ['rare edges', [{ type: 'rare_edge', fewerThan: 5 }, chance(0.1)]],
])('%s', (_, rules) => {
  it.each([1, 2, 3])('unbiased, seed %d', (seed) => {
    const { all, errors, rare, large, kept, begun } = simulate(rules, { seed });
    expect(all.sigmas).toBeLessThan(4);
    expect(errors.sigmas).toBeLessThan(4);
    expect(rare.sigmas).toBeLessThan(4);
    expect(large.sigmas).toBeLessThan(4);
    expect(kept).toBeGreaterThan(100);
    expect(kept).toBeLessThan(begun / 2);
  });
});

/** Strict limits: who is kept is a matter of the moment, so the whole is exact and parts are estimates. */
describe.each<[string, readonly object[]]>([
  ['rate limit on traces', [{ type: 'rate_limit', tracesPerSecond: 40 }]],
  ['rate limit on spans', [{ type: 'rate_limit', spansPerSecond: 200 }]],
  ['byte limit', [{ type: 'byte_limit', bytesPerSecond: 40_000 }]],
  ['errors up to a limit', [{ type: 'and', of: [{ type: 'rate_limit', tracesPerSecond: 10 }, ERROR] }, chance(0.05)]],
  [
    'composite',
    [
      {
        type: 'composite',
        spansPerSecond: 400,
        shares: [
          { share: 0.2, of: ERROR },
          { share: 0.3, of: SLOW },
          { share: 0.5, of: chance(0.5) },
        ],
      },
    ],
  ],
])('%s', (_, rules) => {
  it.each([1, 2, 3])('represents what it refuses, seed %d', (seed) => {
    const { all, errors, rare, large, kept, begun } = simulate(rules, { seed });
    expect(all.sigmas).toBeLessThan(4);
    expect(errors.sigmas).toBeLessThan(4);
    expect(rare.sigmas).toBeLessThan(4);
    // Large traces cost more and are refused no more often for it.
    expect(large.sigmas).toBeLessThan(4);
    expect(kept).toBeGreaterThan(100);
    expect(kept).toBeLessThan(begun / 5);
  });
});

it('counts all traces that a limit has seen, to the last one it kept', () => {
  const { all } = simulate([{ type: 'rate_limit', tracesPerSecond: 40 }], { headed: false });
  expect(all.estimate).toBeGreaterThan(COUNT - 100);
  expect(all.estimate).toBeLessThanOrEqual(COUNT);
});

it('limits hold on average, large traces or not, and each shard has its part', () => {
  const seconds = COUNT / 1_000;
  const spans = simulate([{ type: 'rate_limit', spansPerSecond: 200 }], { headed: false });
  // A second's worth may come at once, and the last trace may be a large one.
  expect(spans.keptSpans).toBeLessThanOrEqual(200 * (seconds + 1) + 40);
  expect(spans.keptSpans).toBeGreaterThan(200 * (seconds - 1));
  const shard = simulate([{ type: 'rate_limit', spansPerSecond: 200 }], { headed: false, shards: 4 });
  expect(shard.keptSpans).toBeLessThanOrEqual(50 * (seconds + 1) + 40);
});

it('throughput comes near its goal', () => {
  const seconds = COUNT / 1_000;
  const { kept } = simulate([{ type: 'throughput', tracesPerSecond: 50, adjustSeconds: 2, initialProbability: 0.05 }], {
    headed: false,
  });
  expect(kept / seconds).toBeGreaterThan(40);
  expect(kept / seconds).toBeLessThan(65);
});
