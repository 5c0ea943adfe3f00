/** Statistics of a window: the stored rows, and what shards have counted that is not stored yet. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { PackedMinute } from '../../durable-objects/statistics.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { decodeMinute, type MinuteRow } from '../../model/statistics-row.ts';
import type { Store } from '../../store/store.ts';
import { allShards } from '../routing.ts';
import type { Window } from './time-params.ts';

/** Every shard's minutes in the window, each once, as they are counted now. */
export async function readStatistics(
  env: Env,
  config: CurrentConfig,
  store: Store,
  { startUs, endUs }: Window,
): Promise<MinuteRow[]> {
  const [fromMs, toMs] = [startUs / 1000, endUs / 1000];
  // Shards first: what one has not handed over to the store by then is in its answer.
  const unwritten = await Promise.all(
    allShards(env, config).map(async (shard, i) => ({
      name: `shard-${i}`,
      rows: await readUnwritten(shard, fromMs, toMs),
    })),
  );
  const latest = new Map<string, Uint8Array>();
  for (const { minuteMs, shard, data } of await store.readStatistics(fromMs, toMs)) {
    latest.set(`${minuteMs} ${shard}`, data);
  }
  for (const { name, rows } of unwritten) {
    for (const { minuteMs, bytes } of rows) latest.set(`${minuteMs} ${name}`, bytes);
  }
  return [...latest.values()].map(decodeMinute);
}

async function readUnwritten(
  shard: DurableObjectStub<TraceShard>,
  fromMs: number,
  toMs: number,
): Promise<PackedMinute[]> {
  const rows: PackedMinute[] = [];
  for (let nextMs: number | null = fromMs; nextMs !== null; ) {
    const answer = await shard.unwrittenStatistics(nextMs, toMs);
    rows.push(...answer.rows);
    nextMs = answer.nextMs;
  }
  return rows;
}
