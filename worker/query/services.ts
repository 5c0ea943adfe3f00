/** Services with their operations, from the shards' catalogs, and their versions and instances, from the Ledger. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Operation, SeenInstance, SeenService } from '../../durable-objects/protocol.ts';
import { flushCounters } from '../counters.ts';
import { allShards } from '../routing.ts';

/** Times are null where only a shard knows the service: it was last seen long ago, or by an isolate some seconds ago. */
type ListedService = Omit<SeenService, 'firstSeenUs' | 'lastSeenUs'> & {
  readonly firstSeenUs: number | null;
  readonly lastSeenUs: number | null;
};

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

/** By name. */
export async function listServices(env: Env, config: CurrentConfig): Promise<ListedService[]> {
  await flushCounters(env);
  const [operations, seen] = await Promise.all([
    listOperations(env, config),
    env.LEDGER.getByName('ledger').services(),
  ]);
  const services = new Map<string, ListedService>(operations.map(({ service }) => [service, unseen(service)]));
  for (const service of seen) services.set(service.name, service);
  return [...services.values()].sort((a, b) => compare(a.name, b.name));
}

/** Those seen within a day that have not said goodbye, the last seen first. */
export async function listInstances(env: Env, service: string): Promise<SeenInstance[]> {
  await flushCounters(env);
  return env.LEDGER.getByName('ledger').instances(service);
}

function unseen(name: string): ListedService {
  return { name, firstSeenUs: null, lastSeenUs: null, versions: [], instances: 0, otherInstances: 0, live: false };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
