/**
 * How a deployment samples, waits and stores: one JSON document in the variable `TAILRACE_CONFIG`, every field optional
 * (docs/sampling.md).
 */

import * as v from 'valibot';
import { MAX_SHARDS, MAX_TRACE_AGE_MS, MAX_TRACE_BYTES } from '../model/limits.ts';
import { ingestSchema } from './config/ingest.ts';
import { privacySchema } from './config/privacy.ts';
import { retentionSchema } from './config/retention.ts';
import { countLearning, defaultRules, rulesSchema } from './config/rules.ts';
import { sdkSchema } from './config/sdk.ts';
import { MAX_LEARNING_POLICIES, MAX_TEXT_CHARS, MAX_VALUES } from './policies/bounds.ts';
import type { AnyOptions } from './policies/policy.ts';

const MAX_CONFIG_CHARS = 256 * 1024;
/** Objects and arrays in each other. */
const MAX_CONFIG_DEPTH = 40;
const MIN_QUIET_MS = 500;
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const integer = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const names = v.pipe(v.array(v.pipe(v.string(), v.maxLength(MAX_TEXT_CHARS))), v.maxLength(MAX_VALUES));

const ConfigSchema = v.pipe(
  v.strictObject({
    /** Grows with every change; decisions name the version that made them. */
    version: v.optional(integer(1, Number.MAX_SAFE_INTEGER), 1),
    /** Number of TraceShard objects that traces are given to. */
    shards: v.optional(integer(1, MAX_SHARDS), 4),
    /** Share of the traces kept that no other rule keeps, 0 to 1; where there are no `rules`. */
    probability: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.1),
    /** A trace that lasts this long or longer is slow: kept where there are no `rules`, and stored longer. */
    slowMs: v.optional(integer(1, 3_600_000), 1_000),
    /** How long a trace whose root has ended must be quiet before it is decided. */
    quietMs: v.optional(integer(0, 60_000), 2_000),
    /** The same for a trace whose root has not ended or has not come. */
    headlessQuietMs: v.optional(integer(0, 60_000), 10_000),
    /** The latest a trace is decided after its first span came. */
    maxAgeMs: v.optional(integer(0, 3_600_000), MAX_TRACE_AGE_MS),
    /** Least time between two alarms of a shard; each one costs a row written and wakes the object. */
    alarmMs: v.optional(integer(50, 60_000), 5_000),
    /** What is kept, in order of precedence; by default errors, what is slow, and a share of the rest. */
    rules: v.optional(rulesSchema),
    /** Names of services and operations whose traces are stored longer and given up last. */
    critical: v.optional(v.strictObject({ services: v.optional(names, []), operations: v.optional(names, []) }), {}),
    completion: v.optional(
      v.strictObject({
        /** Bounds of how long a trace must be quiet, where that is learned; by default 500 and `headlessQuietMs`. */
        minQuietMs: v.optional(integer(0, 60_000)),
        maxQuietMs: v.optional(integer(0, 60_000)),
        /** A live trace of so many spans or bytes is decided as it is; what comes later is a further part of it. */
        maxSpans: v.optional(integer(1, 100_000), 32_000),
        maxBytes: v.optional(integer(64 * KIB, MAX_TRACE_BYTES), MAX_TRACE_BYTES),
      }),
      {},
    ),
    /** What the live traces of one shard may take of its memory. */
    memory: v.optional(v.strictObject({ liveBytes: v.optional(integer(MIB, 96 * MIB), 64 * MIB) }), {}),
    /** What one shard's log may hold. */
    log: v.optional(v.strictObject({ bytes: v.optional(integer(64 * MIB, 8 * GIB), 2 * GIB) }), {}),
    storing: v.optional(
      v.strictObject({
        /** How long kept traces wait for others to share a block with; each block costs an R2 write and a few rows. */
        blockMs: v.optional(integer(0, 600_000), 30_000),
      }),
      {},
    ),
    /** What the whole deployment is meant to take in; without it, what it can. */
    capacity: v.optional(v.strictObject({ spansPerSecond: v.optional(integer(1, 1e9)) }), {}),
    ingest: v.optional(ingestSchema, {}),
    privacy: v.optional(privacySchema, {}),
    sdk: v.optional(sdkSchema, {}),
    retention: v.optional(retentionSchema, {}),
  }),
  v.transform((config) => {
    const { completion, headlessQuietMs, probability, retention, rules, slowMs } = config;
    const slow: AnyOptions & { minMs: number } = { type: 'latency', minMs: slowMs };
    const maxQuietMs = completion.maxQuietMs ?? Math.max(headlessQuietMs, completion.minQuietMs ?? 0);
    return {
      ...config,
      rules: rules ?? defaultRules(slowMs, probability),
      completion: {
        ...completion,
        maxQuietMs,
        minQuietMs: completion.minQuietMs ?? Math.min(MIN_QUIET_MS, maxQuietMs),
      },
      retention: {
        ...retention,
        warm: { when: retention.warm.when ?? [{ type: 'error' }, slow, { type: 'critical' }] },
      },
    };
  }),
  v.forward(
    v.check(({ completion }) => completion.minQuietMs <= completion.maxQuietMs, 'is less than minQuietMs'),
    ['completion', 'maxQuietMs'],
  ),
  v.forward(
    v.check(
      ({ rules, retention }) => countLearning([rules, retention]) <= MAX_LEARNING_POLICIES,
      `there are more than ${MAX_LEARNING_POLICIES} policies that learn`,
    ),
    ['rules'],
  ),
);

export type Config = v.InferOutput<typeof ConfigSchema>;

/** Something in the document is not as it must be; the message names the path. Whoever reports it knows where the document is from. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Parses the document; an absent or empty one gives the defaults. Throws ConfigError. */
export function parseConfig(text: string | undefined): Config {
  let document: unknown = {};
  if (text && text.length > MAX_CONFIG_CHARS) throw new ConfigError('the document is larger than 256 KiB');
  try {
    if (text) document = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`the document is not JSON: ${(error as Error).message}`);
  }
  if (isDeeperThan(document, MAX_CONFIG_DEPTH)) {
    throw new ConfigError(`the document is nested deeper than ${MAX_CONFIG_DEPTH}`);
  }
  const result = v.safeParse(ConfigSchema, document);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new ConfigError(`${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
}

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((member) => isDeeperThan(member, depth - 1));
}
