import { type AnySchema, conditionOf } from './members.ts';
import { definePolicy, optionsOf, type Verdict } from './policy.ts';

const DROP: Verdict = { keep: false, rate: 1, reason: 'drop_rule' };

/** Drops what its member matches, whatever other rules say, wherever it stands among them. No kept trace stands for it. */
export const drop = (any: AnySchema) =>
  definePolicy(optionsOf('drop', { of: conditionOf(any) }), ({ of }, { create }) => {
    const member = create(of);
    return { judge: (view, nowMs) => member.judge(view, nowMs) && DROP, observe: member.observe };
  });
