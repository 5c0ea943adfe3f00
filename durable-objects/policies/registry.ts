/** All policies there are. One more is a file, and a line here. */

import * as v from 'valibot';
import { always } from './always.ts';
import { and } from './and.ts';
import { booleanAttribute } from './boolean-attribute.ts';
import { byteLimit } from './byte-limit.ts';
import { composite } from './composite.ts';
import { coverage } from './coverage.ts';
import { critical } from './critical.ts';
import { drop } from './drop.ts';
import { error } from './error.ts';
import { latency } from './latency.ts';
import { latencyPercentile } from './latency-percentile.ts';
import { type AnySchema, conditionOf } from './members.ts';
import { not } from './not.ts';
import { numberAttribute } from './number-attribute.ts';
import { operation } from './operation.ts';
import { or } from './or.ts';
import type { AnyOptions, CriticalNames, Policy, PolicyContext, PolicyDefinition } from './policy.ts';
import { probability } from './probability.ts';
import { rareEdge } from './rare-edge.ts';
import { rateLimit } from './rate-limit.ts';
import { sla } from './sla.ts';
import { spanCount } from './span-count.ts';
import { status } from './status.ts';
import { stringAttribute } from './string-attribute.ts';
import { throughput } from './throughput.ts';
import { traceFlags } from './trace-flags.ts';
import { traceState } from './trace-state.ts';

/** Those that are made of others refer to the whole, which is known only after them. */
const any: AnySchema = v.lazy(() => policySchema);

const DEFINITIONS = [
  always,
  error,
  status,
  latency,
  latencyPercentile,
  sla,
  critical,
  operation,
  stringAttribute,
  numberAttribute,
  booleanAttribute,
  spanCount,
  traceFlags,
  traceState,
  rareEdge,
  coverage,
  probability,
  throughput,
  rateLimit,
  byteLimit,
  and(any),
  or(any),
  not(any),
  drop(any),
  composite(any),
] as const;

type SchemaOf<T> = T extends PolicyDefinition<infer TSchema> ? TSchema : never;
type Schemas<T extends readonly unknown[]> = { -readonly [K in keyof T]: SchemaOf<T[K]> };

/** A policy with its options, told apart by `type`. */
export const policySchema = v.variant('type', DEFINITIONS.map(({ schema }) => schema) as Schemas<typeof DEFINITIONS>);
export type PolicyOptions = v.InferOutput<typeof policySchema>;

/** One that keeps all that it matches. */
export const conditionSchema = conditionOf(any);

const BY_TYPE = new Map<string, PolicyDefinition<unknown>>(
  DEFINITIONS.map((definition) => [definition.schema.entries.type.literal, definition]),
);

export const POLICY_TYPES = [...BY_TYPE.keys()];

/** Makes the policies of one configuration and shard. Their options must have passed the schema. */
export function policyMaker(shards: number, critical: CriticalNames): (options: AnyOptions) => Policy {
  const create = (options: AnyOptions): Policy => BY_TYPE.get(options.type)!.create(options, context);
  const context: PolicyContext = { shards, critical, create };
  return create;
}
