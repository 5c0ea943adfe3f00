/**
 * A million traces through the sampler: what the kept ones say with their rates, against the truth. Bounds are 4 standard
 * deviations of the estimator, from its own variance: a trace of rate r was kept with probability 1/r, so it brings
 * r(r - 1) into a sum's variance, and times its distance squared from the mean into that of a mean.
 */

import { expect, it } from 'vitest';
import { parseConfig } from '../../../durable-objects/config.ts';
import { createSampler } from '../../../durable-objects/decide.ts';
import { isSampled, probabilityToThreshold } from '../../../model/sampling.ts';
import { seededRandom } from '../../kit/random.ts';
import { makeView, randomTrace, VIEW_START_MS } from './view.ts';

const TRACES = 1_000_000;
const SIGMAS = 4;
const QUANTILE = 0.95;

/** What was kept, and for how many each stands. */
class Kept {
  readonly rates: number[] = [];
  readonly durationsUs: number[] = [];
  readonly errors: number[] = [];

  /** Estimate and standard deviation of the sum of `value` over all traces. */
  sum(value: (i: number) => number): { estimate: number; deviation: number } {
    let estimate = 0;
    let variance = 0;
    for (const [i, rate] of this.rates.entries()) {
      estimate += rate * value(i);
      variance += rate * (rate - 1) * value(i) ** 2;
    }
    return { estimate, deviation: Math.sqrt(variance) };
  }

  /** The same of the mean, a ratio of two sums, linearized. */
  mean(value: (i: number) => number): { estimate: number; deviation: number } {
    const total = this.sum(() => 1).estimate;
    const { estimate } = this.sum(value);
    const mean = estimate / total;
    return { estimate: mean, deviation: this.sum((i) => value(i) - mean).deviation / total };
  }

  /** The least duration that so great a share of all traces is at or below. */
  quantile(share: number): number {
    const order = this.rates.map((_, i) => i).sort((a, b) => this.durationsUs[a]! - this.durationsUs[b]!);
    let left = this.sum(() => 1).estimate * share;
    for (const i of order) {
      left -= this.rates[i]!;
      if (left <= 0) return this.durationsUs[i]!;
    }
    return Number.POSITIVE_INFINITY;
  }
}

it.each([
  ['default rules', 1, 1],
  ['default rules and a head rate of 1 in 4', 0.25, 2],
])(
  '%s: counts, error rates and p95 of a million traces are within their bounds',
  { timeout: 60_000 },
  (_, head, seed) => {
    const random = seededRandom(seed);
    const sampler = createSampler(parseConfig(undefined));
    const kept = new Kept();
    const durationsUs = new Float64Array(TRACES);
    const threshold = probabilityToThreshold(head);
    let errors = 0;
    for (let i = 0; i < TRACES; i++) {
      const trace = randomTrace(random);
      // Lognormal: half are below 50 ms, one in a hundred is above a second.
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      const durationUs = Math.round(50_000 * Math.exp(1.3 * normal));
      const isError = random() < 0.02;
      durationsUs[i] = durationUs;
      if (isError) errors++;
      if (!isSampled(...trace.random, threshold)) continue;
      const view = makeView({
        ...trace,
        headProbability: head,
        spans: [{ durationUs, status: isError ? 'error' : 'unset' }],
      });
      const decision = sampler.decide(view, VIEW_START_MS + i);
      if (!decision.keep) continue;
      kept.rates.push(decision.rate);
      kept.durationsUs.push(durationUs);
      kept.errors.push(Number(isError));
    }
    const count = kept.sum(() => 1);
    const failed = kept.sum((i) => kept.errors[i]!);
    const errorRate = kept.mean((i) => kept.errors[i]!);
    const p95 = durationsUs.sort()[Math.ceil(TRACES * QUANTILE) - 1]!;
    const below = kept.mean((i) => Number(kept.durationsUs[i]! <= p95));
    const low = kept.quantile(QUANTILE - SIGMAS * below.deviation);
    const high = kept.quantile(QUANTILE + SIGMAS * below.deviation);
    const context =
      `seed ${seed}, ${kept.rates.length} kept: ${Math.round(count.estimate)} ± ${Math.round(count.deviation)} traces, ` +
      `errors ${Math.round(failed.estimate)} ± ${Math.round(failed.deviation)} of ${errors}, ` +
      `error rate ${errorRate.estimate.toFixed(5)} ± ${errorRate.deviation.toFixed(5)}, ` +
      `p95 ${p95} in ${low} to ${high} µs (4 sigma)`;
    console.log(context);
    expect(kept.rates.length, context).toBeGreaterThan(10_000);
    expect(kept.rates.length, context).toBeLessThan(TRACES / 5);
    expect(Math.abs(count.estimate - TRACES), context).toBeLessThan(SIGMAS * count.deviation);
    // Every error is kept: without a head rate there is nothing to estimate.
    expect(Math.abs(failed.estimate - errors), context).toBeLessThanOrEqual(SIGMAS * failed.deviation);
    expect(Math.abs(errorRate.estimate - errors / TRACES), context).toBeLessThan(SIGMAS * errorRate.deviation);
    expect(Math.abs(below.estimate - QUANTILE), context).toBeLessThan(SIGMAS * below.deviation);
    expect(low, context).toBeLessThanOrEqual(p95);
    expect(high, context).toBeGreaterThanOrEqual(p95);
    // The bounds say something.
    expect(count.deviation / TRACES, context).toBeLessThan(0.005);
    expect((high - low) / p95, context).toBeLessThan(0.1);
  },
);
