/** A tail rule: looks at a trace and says what becomes of it, or null when it has nothing to say. */

import * as v from 'valibot';
import type { DecisionReason, KeepReason } from '../../model/reasons.ts';
import type { TraceView } from '../trace-view.ts';
import { MAX_TEXT_CHARS } from './bounds.ts';

export interface Verdict {
  readonly keep: boolean;
  /**
   * Of a kept trace: it stands for `rate` traces that were begun, the head's sampling included, so that the rates of all
   * kept traces sum up to the number of all traces. At least 1. Of a dropped one: 1, without meaning.
   */
  readonly rate: number;
  readonly reason: DecisionReason;
}

/** Made once for each configuration and shard. What it has learned is lost with the object: decisions themselves are durable. */
export interface Policy {
  /** Takes any view and any time, also an earlier one than before, and never throws. */
  judge(view: TraceView, nowMs: number): Verdict | null;
  /** Told of every trace that was decided, by whichever rule, after the decision. */
  readonly observe?: ((view: TraceView, nowMs: number, kept: boolean) => void) | undefined;
}

/** Options of any policy; which ones there are says its schema. */
export interface AnyOptions {
  readonly type: string;
}

export interface CriticalNames {
  readonly services: readonly string[];
  readonly operations: readonly string[];
}

/** What a policy may need beside its own options. */
export interface PolicyContext {
  /** What a rule allows the whole deployment, a shard allows its part of. */
  readonly shards: number;
  readonly critical: CriticalNames;
  /** Makes a member of this policy. */
  readonly create: (options: AnyOptions) => Policy;
}

/** A policy's file defines its options and how it is made of them. */
export interface PolicyDefinition<TSchema> {
  readonly schema: TSchema;
  readonly create: (options: AnyOptions, context: PolicyContext) => Policy;
}

export function definePolicy<TSchema extends v.GenericSchema<unknown, AnyOptions>>(
  schema: TSchema,
  create: (options: v.InferOutput<TSchema>, context: PolicyContext) => Policy,
): PolicyDefinition<TSchema> {
  return { schema, create: create as PolicyDefinition<TSchema>['create'] };
}

/** Options every policy has, with its own. A rule's name is what decisions are signed with; without one it is the type. */
export function optionsOf<const TType extends string, TEntries extends v.ObjectEntries>(
  type: TType,
  entries: TEntries,
) {
  return v.strictObject({ type: v.literal(type), name: v.optional(text), ...entries });
}

/** A text that is not empty. */
export const text = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_TEXT_CHARS));

/** A policy that keeps all traces it matches, each of which stands for those that the head left out. */
export function condition(reason: KeepReason, matches: (view: TraceView, nowMs: number) => boolean): Policy {
  const keepOne: Verdict = { keep: true, rate: 1, reason };
  return {
    judge: (view, nowMs) => {
      if (!matches(view, nowMs)) return null;
      const probability = headProbability(view);
      return probability === 1 ? keepOne : { keep: true, rate: 1 / probability, reason };
    },
  };
}

/** The head's probability, above 0 and at most 1 whatever the view says. */
export function headProbability(view: TraceView): number {
  const probability = view.headProbability;
  return probability > 0 && probability < 1 ? probability : 1;
}

/** Tells all of them, or undefined where none wants to be told. */
export function observeAll(policies: readonly Policy[]): Policy['observe'] {
  const observers = policies.flatMap(({ observe }) => (observe ? [observe] : []));
  if (observers.length === 0) return undefined;
  return (view, nowMs, kept) => {
    for (const observe of observers) observe(view, nowMs, kept);
  };
}
