import * as v from 'valibot';
import { isCondition } from './conditions.ts';
import { type AnySchema, listOf, memberOf } from './members.ts';
import { definePolicy, observeAll, optionsOf, type Verdict } from './policy.ts';

/**
 * Keeps what all its members keep. They are asked in order until one has nothing to say. At most one of them may choose:
 * it is asked last, because that may cost it something, and decides. Without one, the reason is that of the first member.
 */
export const and = (any: AnySchema) =>
  definePolicy(
    optionsOf('and', {
      of: v.pipe(
        listOf(memberOf(any)),
        v.check(
          (members) => members.filter((member) => !isCondition(member)).length <= 1,
          'at most one of the members can choose among traces',
        ),
      ),
    }),
    ({ of }, { create }) => {
      const conditions = of.filter(isCondition).map(create);
      const choice = of.filter((member) => !isCondition(member)).map(create)[0];
      return {
        judge: (view, nowMs) => {
          let first: Verdict | null = null;
          for (const condition of conditions) {
            const verdict = condition.judge(view, nowMs);
            if (!verdict) return null;
            first ??= verdict;
          }
          return choice ? choice.judge(view, nowMs) : first;
        },
        observe: observeAll(choice ? [...conditions, choice] : conditions),
      };
    },
  );
