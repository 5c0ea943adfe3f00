/** The live half of a search: lists that the shards freeze for its first page and go along for the others. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { LivePage } from '../../durable-objects/protocol.ts';
import { parseHex } from '../../model/ids.ts';
import type { TraceSearch } from '../../model/query/conditions.ts';
import { ownerOf, slotOf } from '../../model/routing.ts';
import type { SortKey } from '../../store/store.ts';
import { shardStub, shardsWithTraces } from '../routing.ts';
import type { ShardLists } from './cursor.ts';

/** Pages of lists, by the number of the shard. */
export type LivePages = ReadonlyMap<number, LivePage>;

/** A list is not known any more: it was pushed out, or not made to last before its shard started again. */
export class ListLostError extends Error {
  override readonly name = 'ListLostError';
}

/** Has every shard freeze its list under a number. */
export async function freezeLists(
  env: Env,
  config: CurrentConfig,
  search: TraceSearch,
  id: number,
): Promise<{ lists: ShardLists; pages: LivePages }> {
  const answers = await Promise.all(shardsWithTraces(env, config).map((shard) => shard.search(search, id)));
  // Where a trace is with a shard that this isolate has not heard of, the one that had its slot before knows.
  for (const { table } of answers) {
    if (table && table.version > config.table.version) {
      return freezeLists(env, { ...config, shards: table.shards, table }, search, id);
    }
  }
  const { version, shards, former } = config.table;
  const listed = [...answers.entries()].filter(([, { isEmpty, cutAt }]) => !isEmpty || cutAt !== null);
  return {
    lists: {
      id,
      shards: listed.map(([shard]) => shard),
      owners: version > 0 && former.length === 0 ? shards : null,
    },
    pages: new Map(listed),
  };
}

/** The pages of the lists behind a key. @throws ListLostError */
export async function readLists(
  env: Env,
  { id, shards }: ShardLists,
  after: SortKey,
  limit: number,
): Promise<LivePages> {
  const pages = shards.map(async (shard) => [shard, await shardStub(env, shard).searchOn(id, after, limit)] as const);
  const answers = await Promise.all(pages);
  return new Map(answers.map(([shard, page]) => [shard, found(page, shard)]));
}

/**
 * Which traces are in the list of a shard that comes before where they were found: of traces on live pages that is the page's
 * shard, those of the store come after all. `lasts`: a cursor will lead to the lists, which outlive a restart then, else they are
 * given up; null where that is settled. @throws ListLostError
 */
export async function findListed(
  env: Env,
  { id, shards, owners }: ShardLists,
  live: LivePages,
  storedIds: readonly string[],
  lasts: boolean | null,
): Promise<{ readonly stored: ReadonlySet<string>; readonly live: ReadonlyMap<number, ReadonlySet<string>> }> {
  const answers = shards.map(async (shard) => {
    const ids = storedIds.filter((traceId) => owners === null || ownerOf(slotOf(parseHex(traceId)!), owners) === shard);
    // Only while the table was changing two shards may have had the same trace, one after the other.
    const later = owners === null ? [...live].filter(([other]) => other > shard) : [];
    const laterIds = later.flatMap(([other, { traces }]) => traces.map(({ key }) => ({ other, traceId: key.traceId })));
    if (ids.length + laterIds.length === 0 && !lasts) return { stored: [], live: [] };
    const asked = [...ids, ...laterIds.map(({ traceId }) => traceId)];
    const are = found(await shardStub(env, shard).areListed(id, asked, lasts ?? true), shard);
    return { stored: ids.filter((_, i) => are[i]), live: laterIds.filter((_, i) => are[ids.length + i]) };
  });
  const listed = await Promise.all(answers);
  const ofLive = new Map<number, Set<string>>();
  for (const { other, traceId } of listed.flatMap((answer) => answer.live)) {
    ofLive.set(other, (ofLive.get(other) ?? new Set()).add(traceId));
  }
  return { stored: new Set(listed.flatMap(({ stored }) => stored)), live: ofLive };
}

function found<Answer>(answer: Answer | null, shard: number): Answer {
  if (answer === null) throw new ListLostError(`shard ${shard} does not know the list any more`);
  return answer;
}
