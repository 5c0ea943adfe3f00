import type { Context } from 'hono';
import type { Env } from '../../durable-objects/env.ts';
import type { TraceSearch } from '../../model/query/conditions.ts';
import type { TraceSummary } from '../../model/span.ts';
import { noteRead } from '../audit.ts';
import { searchTraces } from '../query/search.ts';
import type { RouteDeps } from '../query/service-routes.ts';
import { type ReadTrace, readTraces } from './read-traces.ts';

type C = Context<{ Bindings: Env }>;

/** What a search finds, in its order; nothing in a range that ends before it begins. */
export async function findSummaries(c: C, deps: RouteDeps, search: TraceSearch): Promise<readonly TraceSummary[]> {
  if (search.startUs > search.endUs) return [];
  const { traces } = await searchTraces(c.env, await deps.config(c), deps.store(c.env), search);
  return traces;
}

/** The same with all that was found of each: on record as an export of the range. */
export async function findTraces(c: C, deps: RouteDeps, search: TraceSearch): Promise<ReadTrace[]> {
  const summaries = await findSummaries(c, deps, search);
  if (summaries.length === 0) return [];
  noteRead(c, 'trace.export', `${search.startUs} ${search.endUs}`);
  const ids = summaries.map(({ traceId }) => traceId);
  return readTraces(c.env, await deps.config(c), deps.store(c.env), ids);
}
