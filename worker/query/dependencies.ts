/** Which service calls which: from the statistics of every trace, kept or not. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { type EdgeStatistics, readSum } from '../../model/statistics-merge.ts';
import type { Store } from '../../store/store.ts';
import { type Confidence, confidenceOf } from './confidence.ts';
import { sumStatistics } from './statistics.ts';
import type { Window } from './time-params.ts';

/** What one service calls of another. Times are microseconds. */
export interface Dependency {
  readonly parent: string;
  readonly child: string;
  /** Estimates where the head sampled, else exact; the truth is from `callsLow` to `callsHigh` in about 95 % of cases. */
  readonly calls: number;
  readonly callsLow: number;
  readonly callsHigh: number;
  readonly errors: number;
  /** Durations of the called spans, known up to 4.4 % (`docs/statistics-format.md`). */
  readonly p50Us: number;
  readonly p95Us: number;
  /** When the last minute began in which there was a call. */
  readonly lastSeenUs: number;
  readonly confidence: Confidence;
}

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

function dependencyOf(edge: EdgeStatistics): Dependency {
  return {
    parent: edge.parentService,
    child: edge.childService,
    calls: edge.count.estimate,
    callsLow: edge.count.low,
    callsHigh: edge.count.high,
    errors: edge.errors.estimate,
    p50Us: edge.durations.quantile(0.5)!.estimateUs,
    p95Us: edge.durations.quantile(0.95)!.estimateUs,
    lastSeenUs: edge.lastMinute * 60_000_000,
    confidence: confidenceOf(edge),
  };
}
