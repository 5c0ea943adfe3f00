/** How a deployment samples and waits: one JSON document in the variable `TAILRACE_CONFIG`, every field optional. */

import * as v from 'valibot';
import { MAX_TRACE_AGE_MS } from '../model/limits.ts';

const milliseconds = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

const ConfigSchema = v.strictObject({
  /** Grows with every change; decisions name the version that made them. */
  version: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1),
  /** Number of TraceShard objects. Changing it moves traces: see docs/failure-modes.md. */
  shards: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256)), 4),
  /** Share of the traces kept that no other rule keeps, 0 to 1. */
  probability: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.1),
  /** A trace that lasts this long or longer is kept. */
  slowMs: v.optional(milliseconds(1, 3_600_000), 1_000),
  /** How long a trace whose root has ended must be quiet before it is decided. */
  quietMs: v.optional(milliseconds(0, 60_000), 2_000),
  /** The same for a trace whose root has not ended or has not come. */
  headlessQuietMs: v.optional(milliseconds(0, 60_000), 10_000),
  /** The latest a trace is decided after its first span came. */
  maxAgeMs: v.optional(milliseconds(0, 3_600_000), MAX_TRACE_AGE_MS),
  /** Least time between two alarms of a shard; each one costs a row written and wakes the object. */
  alarmMs: v.optional(milliseconds(50, 60_000), 5_000),
});

export type Config = v.InferOutput<typeof ConfigSchema>;

/** Something in `TAILRACE_CONFIG` is not as it must be; the message names the path. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Parses the document; an absent or empty one gives the defaults. Throws ConfigError. */
export function parseConfig(text: string | undefined): Config {
  let document: unknown = {};
  try {
    if (text) document = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`TAILRACE_CONFIG is not JSON: ${(error as Error).message}`);
  }
  const result = v.safeParse(ConfigSchema, document);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new ConfigError(`TAILRACE_CONFIG: ${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
}
