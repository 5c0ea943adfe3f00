/** The shards' addresses. */

import type { CurrentConfig } from '../durable-objects/config-source.ts';
import type { Env } from '../durable-objects/env.ts';
import type { TraceShard } from '../durable-objects/trace-shard.ts';
import { parseHex } from '../model/ids.ts';
import { ownerOf, shardsInUse, slotOf } from '../model/routing.ts';

/** A fresh stub: one that broke stays broken. */
export function shardStub(env: Env, shard: number): DurableObjectStub<TraceShard> {
  return env.TRACE_SHARD.getByName(`shard-${shard}`);
}

/** The shard to ask for a trace, by its 32 hex digits; it asks others where they hold it. */
export function shardOfTrace(env: Env, config: CurrentConfig, traceId: string): DurableObjectStub<TraceShard> {
  return shardStub(env, ownerOf(slotOf(parseHex(traceId)!), config.table.shards));
}

/** Those that may have traces. */
export function shardsWithTraces(env: Env, config: CurrentConfig): DurableObjectStub<TraceShard>[] {
  return stubs(env, shardsInUse(config.table));
}

/** Those that were ever in use: each has counted what it has seen. */
export function allShards(env: Env, config: CurrentConfig): DurableObjectStub<TraceShard>[] {
  return stubs(env, config.table.highest);
}

function stubs(env: Env, count: number): DurableObjectStub<TraceShard>[] {
  return Array.from({ length: count }, (_, shard) => shardStub(env, shard));
}
