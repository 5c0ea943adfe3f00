import * as v from 'valibot';
import { MAX_MEMBERS } from './bounds.ts';
import { isCondition } from './conditions.ts';
import type { AnyOptions } from './policy.ts';

/** The schema of all policies, which one made of others needs before it is complete. */
export type AnySchema = v.GenericSchema<unknown, AnyOptions>;

/** A policy inside another: any but a `drop`, which stands only in the list of rules. */
export const memberOf = (any: AnySchema) =>
  v.pipe(
    any,
    v.check(({ type }) => type !== 'drop', 'a drop stands only in the list of rules'),
  );

/** A policy that keeps all that it matches. */
export const conditionOf = (any: AnySchema) =>
  v.pipe(
    any,
    v.check(isCondition, 'only policies that keep all they match can stand here, not those that choose among them'),
  );

export const listOf = <TSchema extends v.GenericSchema>(member: TSchema) =>
  v.pipe(v.array(member), v.minLength(1), v.maxLength(MAX_MEMBERS));
