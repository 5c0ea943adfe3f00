/** Searching traces: what the shards still hold and what the store has, as one list. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { compareFound } from '../../model/query/search-order.ts';
import type { TraceList, TraceSummary } from '../../model/span.ts';
import type { PageSearch, SortKey, Store } from '../../store/store.ts';
import { shardsWithTraces } from '../routing.ts';
import { formatCursor } from './params.ts';

/** What a search may take before it answers how far it got. */
const BUDGET_MS = 10_000;

/** A page of traces in order: live ones from every shard, kept ones from the store, each once. */
export async function searchTraces(
  env: Env,
  config: CurrentConfig,
  store: Store,
  search: PageSearch,
): Promise<TraceList> {
  const deadlineMs = Date.now() + BUDGET_MS;
  // Shards first: a trace that leaves one meanwhile is in the store by then.
  const answers = await Promise.all(shardsWithTraces(env, config).map((shard) => shard.search(search)));
  // Where a trace is with a shard that this isolate has not heard of, the one that had its slot before knows.
  for (const { table } of answers) {
    if (table && table.version > config.table.version) {
      return searchTraces(env, { ...config, shards: table.shards, table }, store, search);
    }
  }
  const stored = await store.search({ ...search, isOver: () => Date.now() > deadlineMs });
  const byId = new Map<string, TraceSummary>();
  for (const summary of [...stored.traces.map(({ summary }) => summary), ...answers.flatMap(({ traces }) => traces)]) {
    const known = byId.get(summary.traceId);
    // A shard that has forgotten earlier parts of a trace knows only its late spans.
    if (!known || summary.spanCount > known.spanCount) byId.set(summary.traceId, summary);
  }
  const inOrder = (a: SortKey, b: SortKey) => compareFound(search.order, a, b);
  const traces = [...byId.values()].sort(inOrder);
  // A source that gave all it was asked for may have more behind its last one: nothing beyond can be shown yet.
  const ends = answers.flatMap(({ traces: live }) => (live.length === search.limit ? [live.at(-1)!] : []));
  const horizon = [...ends, ...(stored.reached ? [stored.reached] : [])].sort(inOrder)[0];
  const shown = horizon ? traces.filter((trace) => inOrder(trace, horizon) <= 0) : traces;
  const page = shown.slice(0, search.limit);
  const next = shown.length > page.length ? page.at(-1)! : horizon;
  return { traces: page, cursor: next ? formatCursor(next) : null };
}
