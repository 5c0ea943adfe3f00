/** Services and the operations they were seen with, from the shards' catalogs. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Operation } from '../../durable-objects/protocol.ts';
import { allShards } from '../routing.ts';

/** Every operation once, by service and name; of one service where `service` is given. */
export async function listOperations(env: Env, config: CurrentConfig, service?: string): Promise<Operation[]> {
  const catalogs = await Promise.all(allShards(env, config).map((shard) => shard.catalog()));
  const operations = new Map<string, Operation>();
  for (const operation of catalogs.flat()) {
    if (service !== undefined && operation.service !== service) continue;
    operations.set(`${operation.service}\0${operation.name}`, operation);
  }
  return [...operations.values()].sort((a, b) => compare(a.service, b.service) || compare(a.name, b.name));
}

export async function listServices(env: Env, config: CurrentConfig): Promise<{ name: string }[]> {
  const operations = await listOperations(env, config);
  return [...new Set(operations.map(({ service }) => service))].map((name) => ({ name }));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
