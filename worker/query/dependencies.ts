/** Which service calls which: from the statistics of every trace, kept or not. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { type EdgeStatistics, readSum } from '../../model/statistics-merge.ts';
import type { Store } from '../../store/store.ts';
import { type Confidence, confidenceOf } from './confidence.ts';
import { sumStatistics } from './statistics.ts';
import type { Window } from './time-params.ts';

/** What one service calls of another. Times are microseconds; durations are known up to 4.4 % (`docs/statistics-format.md`). */
export interface Dependency {
  readonly parent: string;
  readonly child: string;
  /** Estimates where the head sampled, else exact; the truth is from `callsLow` to `callsHigh` in about 95 % of cases. */
  readonly calls: number;
  readonly callsLow: number;
  readonly callsHigh: number;
  readonly errors: number;
  /** Durations of the called spans. */
  readonly p50Us: number;
  readonly p95Us: number;
  /** Durations of the client spans that called; null where there is none. */
  readonly clientP50Us: number | null;
  readonly clientP95Us: number | null;
  /** The client's median less the called one's, at least 0; null unless nine calls of ten have a client span. */
  readonly networkP50Us: number | null;
  /** When the last minute began in which there was a call. */
  readonly lastSeenUs: number;
  readonly confidence: Confidence;
}

/** What one operation calls of one of another service. */
export interface OperationDependency extends Dependency {
  readonly parentOperation: string;
  readonly childOperation: string;
}

/** The share of calls that must have a client span before the two sides are compared. */
const MIN_CLIENT_SHARE = 0.9;

/** The edges of a window's dependency graph, by names. */
export async function listDependencies(
  env: Env,
  config: CurrentConfig,
  store: Store,
  window: Window,
): Promise<Dependency[]> {
  const sum = await sumStatistics(env, config, store, { ...window, grain: 'service' });
  return readSum(sum).edges.map(dependencyOf);
}

/** The same between operations. */
export async function listOperationDependencies(
  env: Env,
  config: CurrentConfig,
  store: Store,
  window: Window,
): Promise<OperationDependency[]> {
  const sum = await sumStatistics(env, config, store, { ...window, grain: 'operation' });
  return readSum(sum).edges.map((edge) => ({
    ...dependencyOf(edge),
    parentOperation: edge.parentOperation,
    childOperation: edge.childOperation,
  }));
}

export function dependencyOf(edge: EdgeStatistics): Dependency {
  const { durations, client } = edge;
  const median = durations.quantile(0.5)!.estimateUs;
  const clientMedian = client.quantile(0.5)?.estimateUs ?? null;
  const isComparable = clientMedian !== null && client.count >= MIN_CLIENT_SHARE * durations.count;
  return {
    parent: edge.parentService,
    child: edge.childService,
    calls: edge.count.estimate,
    callsLow: edge.count.low,
    callsHigh: edge.count.high,
    errors: edge.errors.estimate,
    p50Us: median,
    p95Us: durations.quantile(0.95)!.estimateUs,
    clientP50Us: clientMedian,
    clientP95Us: client.quantile(0.95)?.estimateUs ?? null,
    networkP50Us: isComparable ? Math.max(0, clientMedian - median) : null,
    lastSeenUs: edge.lastMinute * 60_000_000,
    confidence: confidenceOf(edge),
  };
}
