/** Which shard a trace belongs to. */

import type { Config } from '../durable-objects/config.ts';
import type { Env } from '../durable-objects/env.ts';
import type { TraceShard } from '../durable-objects/trace-shard.ts';
import { ROUTING_SLOTS } from '../model/limits.ts';

/**
 * Slot of a trace: MurmurHash3's 32-bit finalizer over all 16 bytes, so that left-padded 64-bit ids spread like random
 * ones. Sampling uses the last 7 bytes unmixed, so the two are independent.
 */
export function slotOf(bytes: Uint8Array, at = 0): number {
  let hash = 0x7261_696c;
  for (let i = at; i < at + 16; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    hash = Math.imul(mix(hash ^ word), 0x9e37_79b1);
  }
  return (mix(hash) >>> 0) % ROUTING_SLOTS;
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}

/** Number of the shard that owns a slot. */
export function shardOf(slot: number, config: Config): number {
  return Math.floor((slot * config.shards) / ROUTING_SLOTS);
}

/** A fresh stub: one that broke stays broken. */
export function shardStub(env: Env, shard: number): DurableObjectStub<TraceShard> {
  return env.TRACE_SHARD.getByName(`shard-${shard}`);
}

export function allShards(env: Env, config: Config): DurableObjectStub<TraceShard>[] {
  return Array.from({ length: config.shards }, (_, shard) => shardStub(env, shard));
}
