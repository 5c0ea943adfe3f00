import { type AnySchema, conditionOf } from './members.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';

/** Keeps what its member does not match. */
export const not = (any: AnySchema) =>
  definePolicy(optionsOf('not', { of: conditionOf(any) }), ({ of }, { create }) => {
    const member = create(of);
    return {
      ...condition('no_match', (view, nowMs) => member.judge(view, nowMs) === null),
      observe: member.observe,
    };
  });
