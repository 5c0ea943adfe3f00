import * as v from 'valibot';
import { Budget } from './budget.ts';
import { countGiven } from './given.ts';
import { definePolicy, headProbability, optionsOf } from './policy.ts';

const perSecond = v.pipe(v.number(), v.minValue(0.001), v.maxValue(1e9));

/** Keeps traces, or traces with together so many spans, up to so many a second in the whole deployment; drops the rest. */
export const rateLimit = definePolicy(
  v.pipe(
    optionsOf('rate_limit', { tracesPerSecond: v.optional(perSecond), spansPerSecond: v.optional(perSecond) }),
    v.check(
      (options) => countGiven(options, ['tracesPerSecond', 'spansPerSecond']) === 1,
      'give one of tracesPerSecond, spansPerSecond',
    ),
  ),
  ({ tracesPerSecond, spansPerSecond = 0 }, { shards }) => {
    const budget = new Budget((tracesPerSecond ?? spansPerSecond) / shards);
    return {
      judge: (view, nowMs) => {
        const cost = tracesPerSecond === undefined ? view.spanCount : 1;
        return budget.spend(cost, 1 / headProbability(view), 'rate_limit', nowMs);
      },
    };
  },
);
