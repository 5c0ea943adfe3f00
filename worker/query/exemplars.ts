/** Kept traces that show what the statistics of a service or an operation are about. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { TraceSummary } from '../../model/span.ts';
import type { PageSearch, Store } from '../../store/store.ts';
import { searchTraces } from './search.ts';
import type { Window } from './time-params.ts';

/** A trace with a span of what was asked for. */
export type Exemplar = Pick<
  TraceSummary,
  'traceId' | 'startUs' | 'durationUs' | 'status' | 'rootService' | 'rootOperation'
>;

export interface Exemplars {
  /** Of those that began in the window and are kept, or may be: the slowest, and the newest in which a span failed. */
  readonly slowest: Exemplar | null;
  readonly failed: Exemplar | null;
}

export async function findExemplars(
  env: Env,
  config: CurrentConfig,
  store: Store,
  names: Pick<PageSearch, 'service' | 'operation'>,
  { startUs, endUs }: Window,
): Promise<Exemplars> {
  // A search's bounds are both in it.
  const range = { ...names, attributes: [], startUs, endUs: endUs - 1, limit: 1 };
  const [slowest, failed] = await Promise.all([
    searchTraces(env, config, store, { ...range, order: 'slowest' }),
    searchTraces(env, config, store, { ...range, order: 'newest', status: 'error' }),
  ]);
  return { slowest: exemplarOf(slowest.traces[0]), failed: exemplarOf(failed.traces[0]) };
}

function exemplarOf(trace: TraceSummary | undefined): Exemplar | null {
  if (!trace) return null;
  const { traceId, startUs, durationUs, status, rootService, rootOperation } = trace;
  return { traceId, startUs, durationUs, status, rootService, rootOperation };
}
