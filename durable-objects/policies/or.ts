import { type AnySchema, conditionOf, listOf } from './members.ts';
import { definePolicy, observeAll, optionsOf } from './policy.ts';

/** Keeps what any of its members matches; the reason is that of the first one. */
export const or = (any: AnySchema) =>
  definePolicy(optionsOf('or', { of: listOf(conditionOf(any)) }), ({ of }, { create }) => {
    const members = of.map(create);
    return {
      judge: (view, nowMs) => {
        for (const member of members) {
          const verdict = member.judge(view, nowMs);
          if (verdict) return verdict;
        }
        return null;
      },
      observe: observeAll(members),
    };
  });
