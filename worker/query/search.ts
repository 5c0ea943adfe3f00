/**
 * Searching traces: what the shards still hold and what the store has, as one list. Both stand still from the first page on: the
 * shards freeze what they find first, then the store says of when it is. So what leaves a shard meanwhile is in the store, and a trace
 * that is in both stands where the shard has it.
 */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { BEFORE_ALL } from '../../durable-objects/search.ts';
import { compareFound } from '../../model/query/search-order.ts';
import type { TraceList, TraceSummary } from '../../model/span.ts';
import { StoreError } from '../../store/errors.ts';
import type { SortKey, Store, StorePage } from '../../store/store.ts';
import { HttpError } from '../errors.ts';
import { formatCursor, printOf, type ShardLists } from './cursor.ts';
import { findListed, freezeLists, ListLostError, type LivePages, readLists } from './live-lists.ts';
import type { TraceQuery } from './params.ts';

/** What a search may take before it answers how far it got. */
const BUDGET_MS = 5_000;
/** Looks at shards and store for one page: most of what a list has may have been dropped since. */
const MAX_ROUNDS = 10;

/** A trace at its place in the list. */
interface Entry {
  readonly key: SortKey;
  /** null where the store has to be asked. */
  readonly summary: TraceSummary | null;
  /** The store may have earlier parts of it. */
  readonly isPart: boolean;
}

/** Where a search is. */
interface Position {
  readonly lists: ShardLists;
  /** Pages that came with the lists. */
  readonly pages: LivePages | null;
  readonly snapshot: string | null;
  readonly after: SortKey | null;
}

/** A page of traces in order: live ones from every shard, kept ones from the store, each once. `isLeft`: nobody waits for it any more. */
export async function searchTraces(
  env: Env,
  config: CurrentConfig,
  store: Store,
  query: TraceQuery,
  isLeft: () => boolean = () => false,
): Promise<TraceList> {
  const deadlineMs = Date.now() + BUDGET_MS;
  const page = new SearchPage(env, store, query, () => isLeft() || Date.now() > deadlineMs);
  try {
    if (query.cursor) {
      const { lists, snapshot, after } = query.cursor;
      return await page.fill({ lists, pages: null, snapshot, after });
    }
    return await page.begin(config);
  } catch (error) {
    const isLost = error instanceof ListLostError;
    if (!isLost && !(error instanceof StoreError && error.fault === 'snapshot_expired')) throw error;
    // Made a moment ago: a shard has started again since.
    if (!query.cursor) throw new HttpError(503, 'unavailable', 'a shard has just started again: try again', 1);
    const message =
      'cursor has expired: it is good for an hour, or less where many search; search again from the first page';
    throw new HttpError(410, 'cursor_expired', message);
  }
}

class SearchPage {
  private readonly env: Env;
  private readonly store: Store;
  private readonly query: TraceQuery;
  private readonly isOver: () => boolean;

  constructor(env: Env, store: Store, query: TraceQuery, isOver: () => boolean) {
    this.env = env;
    this.store = store;
    this.query = query;
    this.isOver = isOver;
  }

  async begin(config: CurrentConfig): Promise<TraceList> {
    const { cursor: _, ...search } = this.query;
    const [high, low] = crypto.getRandomValues(new Uint32Array(2));
    const id = (high! >>> 11) * 2 ** 32 + low!;
    const { lists, pages } = await freezeLists(this.env, config, search, id);
    return this.fill({ lists, pages, snapshot: null, after: null });
  }

  async fill(begun: Position): Promise<TraceList> {
    const { limit, order } = this.query;
    const inOrder = (a: SortKey, b: SortKey) => compareFound(order, a, b);
    const traces: TraceSummary[] = [];
    let position: Position & { readonly cutAt?: SortKey | null } = begun;
    let cutAt: SortKey | null = null;
    for (let round = 0; ; round++) {
      const next = await this.look(position, limit - traces.length);
      traces.push(...next.traces);
      position = next;
      // What a shard did not look at counts once the page has come so far.
      const { after } = next;
      if (next.cutAt !== null && (after === null || inOrder(next.cutAt, after) <= 0)) cutAt = next.cutAt;
      if (after === null || traces.length >= limit) return this.answer(traces, position, cutAt);
      if (!this.isOver() && round + 1 < MAX_ROUNDS) continue;
      return this.answer(traces, position, cutAt !== null && inOrder(cutAt, after) < 0 ? cutAt : after);
    }
  }

  /** Up to `limit` traces behind a position, and the position behind them, with `after` null where nothing is left. */
  private async look(at: Position, limit: number) {
    const { env, store, query } = this;
    const inOrder = (a: SortKey, b: SortKey) => compareFound(query.order, a, b);
    const { cursor: _, ...search } = query;
    const [live, stored] = await Promise.all([
      at.pages ?? readLists(env, at.lists, at.after ?? BEFORE_ALL, limit),
      store.search({
        ...search,
        limit,
        ...(at.after && { after: at.after }),
        ...(at.snapshot !== null && { snapshot: at.snapshot }),
        isOver: this.isOver,
      }),
    ]);
    const horizon = [...[...live.values()].map(({ reached }) => reached), reachedBy(stored, at.after)]
      .filter((key) => key !== null)
      .sort(inOrder)[0];
    const size = [...live.values()].reduce((sum, { traces }) => sum + traces.length, stored.traces.length);
    const hasNext = horizon !== undefined || size > limit;
    const storedIds = stored.traces.map(({ key }) => key.traceId);
    const listed = await findListed(env, at.lists, live, storedIds, at.snapshot === null ? hasNext : null);
    const entries: Entry[] = [
      ...stored.traces
        .filter(({ key }) => !listed.stored.has(key.traceId))
        .map((found) => ({ ...found, isPart: false })),
      ...[...live].flatMap(([shard, { traces }]) =>
        traces.filter(({ key }) => !listed.live.get(shard)?.has(key.traceId)),
      ),
    ];
    const shown = entries
      .sort((a, b) => inOrder(a.key, b.key))
      .filter(({ key }) => horizon === undefined || inOrder(key, horizon) <= 0);
    const page = shown.slice(0, limit);
    const cuts = [...live.values()].map(({ cutAt }) => cutAt).filter((key) => key !== null);
    return {
      traces: await this.summaries(page),
      lists: at.lists,
      pages: null,
      snapshot: stored.snapshot,
      after: shown.length > limit ? page.at(-1)!.key : (horizon ?? null),
      cutAt: cuts.sort(inOrder)[0] ?? null,
    };
  }

  /** As the traces are now, without those that were dropped or erased since. */
  private async summaries(page: readonly Entry[]): Promise<TraceSummary[]> {
    const asked = page.filter(({ summary, isPart }) => summary === null || isPart).map(({ key }) => key.traceId);
    const stored = asked.length > 0 ? await this.store.summaries(asked) : [];
    const byId = new Map(stored.map((summary) => [summary.traceId, summary]));
    return page.flatMap(({ key, summary }) => {
      const other = byId.get(key.traceId);
      // A shard that has forgotten earlier parts of a trace knows only its late spans.
      return summary && other ? (other.spanCount > summary.spanCount ? other : summary) : (summary ?? other ?? []);
    });
  }

  private answer(traces: TraceSummary[], { lists, snapshot, after }: Position, cutAt: SortKey | null): TraceList {
    const { startUs, endUs, order } = this.query;
    const cursor =
      after === null
        ? null
        : formatCursor({ after, startUs, endUs, order, lists, snapshot: snapshot ?? '', print: printOf(this.query) });
    if (cutAt === null) return { traces, cursor, complete: true };
    const searchedToUs = order === 'slowest' ? cutAt.durationUs : cutAt.startUs;
    return { traces, cursor, complete: false, searchedToUs };
  }
}

/** A store that was over before it had looked at anything is where it was. */
function reachedBy({ reached, isCut }: StorePage, after: SortKey | null): SortKey | null {
  return isCut && reached === null ? (after ?? BEFORE_ALL) : reached;
}
