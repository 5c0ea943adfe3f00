import * as v from 'valibot';
import { isCondition } from './conditions.ts';
import { type AnySchema, listOf, memberOf } from './members.ts';
import { definePolicy, observeAll, optionsOf } from './policy.ts';

/**
 * Keeps what all its members keep. At most one of them may choose: it is asked only about the traces that the others match,
 * and decides them. Without one, the reason is that of the first member.
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
      const choices = of.filter((member) => !isCondition(member)).map(create);
      const members = [...choices, ...conditions];
      return {
        judge: (view, nowMs) => {
          // The choice comes last, because being asked may cost it something.
          for (let i = members.length - 1; i > 0; i--) {
            if (members[i]!.judge(view, nowMs) === null) return null;
          }
          return members[0]!.judge(view, nowMs);
        },
        observe: observeAll(members),
      };
    },
  );
