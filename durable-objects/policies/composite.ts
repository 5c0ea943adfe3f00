import * as v from 'valibot';
import { Budget } from './budget.ts';
import { type AnySchema, listOf, memberOf } from './members.ts';
import { definePolicy, observeAll, optionsOf } from './policy.ts';

const share = v.pipe(v.number(), v.gtValue(0), v.maxValue(1));

/**
 * Keeps up to `spansPerSecond` in the whole deployment, of which each member has its share. The first member that has a verdict
 * decides; what it keeps is dropped all the same when its share is used up. What none of them matches goes on to the next rule.
 */
export const composite = (any: AnySchema) =>
  definePolicy(
    optionsOf('composite', {
      spansPerSecond: v.pipe(v.number(), v.minValue(0.001), v.maxValue(1e9)),
      shares: v.pipe(
        listOf(v.strictObject({ share, of: memberOf(any) })),
        v.check(
          (shares) => shares.reduce((sum, { share }) => sum + share, 0) <= 1 + 1e-9,
          'the shares are more than 1',
        ),
      ),
    }),
    ({ spansPerSecond, shares }, { create, shards }) => {
      const members = shares.map(({ share, of }) => ({
        policy: create(of),
        budget: new Budget((spansPerSecond * share) / shards),
      }));
      return {
        judge: (view, nowMs) => {
          for (const { policy, budget } of members) {
            const verdict = policy.judge(view, nowMs);
            if (!verdict?.keep) {
              if (verdict) return verdict;
              continue;
            }
            return budget.spend(view.spanCount, verdict.rate, verdict.reason, nowMs);
          }
          return null;
        },
        observe: observeAll(members.map(({ policy }) => policy)),
      };
    },
  );
