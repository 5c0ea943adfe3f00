/** The services of a window, what they call, and how much depends on each: from the statistics of every trace, kept or not. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { ServiceReach } from '../../model/service-reach.ts';
import { readSum, type Statistics } from '../../model/statistics-merge.ts';
import type { Store } from '../../store/store.ts';
import { type Dependency, dependencyOf, listDependencies } from './dependencies.ts';
import { type Red, RedTally, SERVED } from './red.ts';
import { sumStatistics } from './statistics.ts';
import type { Window } from './time-params.ts';

/** What a service serves, as in `GET /api/services/{service}/red`. */
export interface ServiceNode extends Red {
  readonly service: string;
  /** Requests that come from no other service, as far as spans tell: calls less those of the edges to it. */
  readonly entries: number;
  /** An estimate of the share of all such requests, of any service, that reach this one, 0 to 1. */
  readonly criticality: number;
}

export interface ServiceGraph {
  readonly services: readonly ServiceNode[];
  readonly dependencies: readonly Dependency[];
}

export interface ServiceSurroundings {
  readonly node: ServiceNode | null;
  /** Edges to the service, and from it. */
  readonly callers: readonly Dependency[];
  readonly callees: readonly Dependency[];
  /** Who fails when it fails: services that call it, directly or not, by an estimate of the share of their requests that do. */
  readonly blastRadius: readonly { readonly service: string; readonly share: number }[];
}

/** By names. */
export async function readServiceGraph(
  env: Env,
  config: CurrentConfig,
  store: Store,
  window: Window,
): Promise<ServiceGraph> {
  const { services, dependencies } = await readGraph(env, config, store, window);
  return { services, dependencies };
}

/** One service's part of the graph. */
export async function readSurroundings(
  env: Env,
  config: CurrentConfig,
  store: Store,
  service: string,
  window: Window,
): Promise<ServiceSurroundings> {
  const { services, dependencies, reach } = await readGraph(env, config, store, window);
  const others = [...reach.reachOf(service)].filter(([other]) => other !== service);
  return {
    node: services.find((node) => node.service === service) ?? null,
    callers: dependencies.filter(({ child }) => child === service),
    callees: dependencies.filter(({ parent }) => parent === service),
    blastRadius: others.map(([other, share]) => ({ service: other, share })).sort((a, b) => b.share - a.share),
  };
}

/** Edges of one window that the other one has not. */
export async function compareDependencies(
  env: Env,
  config: CurrentConfig,
  store: Store,
  before: Window,
  after: Window,
): Promise<{ readonly appeared: readonly Dependency[]; readonly vanished: readonly Dependency[] }> {
  const [old, now] = await Promise.all([
    listDependencies(env, config, store, before),
    listDependencies(env, config, store, after),
  ]);
  const without = (edges: readonly Dependency[], others: readonly Dependency[]) => {
    const known = new Set(others.map(({ parent, child }) => JSON.stringify([parent, child])));
    return edges.filter(({ parent, child }) => !known.has(JSON.stringify([parent, child])));
  };
  return { appeared: without(now, old), vanished: without(old, now) };
}

async function readGraph(env: Env, config: CurrentConfig, store: Store, window: Window) {
  const statistics = readSum(await sumStatistics(env, config, store, { ...window, grain: 'service' }));
  const dependencies = statistics.edges.map(dependencyOf);
  const tallies = tallyServices(statistics);
  const served = new Map([...tallies].flatMap(([name, { served }]) => (served ? [[name, served.calls] as const] : [])));
  const reach = new ServiceReach(served, dependencies);
  const services = [...tallies].map(([service, { served, all }]): ServiceNode => {
    const red = (served ?? all).red(window.endUs - window.startUs);
    return { service, ...red, entries: reach.entriesOf(service), criticality: reach.criticalityOf(service) };
  });
  return { services, dependencies, reach };
}

/** By service, in order of names: all its spans, and those it served others with, where there are any. */
function tallyServices({ operations }: Statistics): Map<string, { all: RedTally; served: RedTally | null }> {
  const tallies = new Map<string, { all: RedTally; served: RedTally | null }>();
  for (const { service, kind, errors, durations } of operations) {
    const tally = tallies.get(service) ?? { all: new RedTally(), served: null };
    tallies.set(service, tally);
    const cell = { errors: errors.estimate, durations };
    tally.all.add(cell);
    if (!SERVED.includes(kind)) continue;
    tally.served ??= new RedTally();
    tally.served.add(cell);
  }
  return tallies;
}
