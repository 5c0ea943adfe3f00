/** Statistics of a window: what is stored, and what shards have counted that is not stored yet. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { PackedMinute } from '../../durable-objects/statistics.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { decodeMinute } from '../../model/statistics-row.ts';
import { type Grain, StatisticsSum } from '../../model/statistics-sum.ts';
import { type Piece, readPieces } from '../../store/statistics-pieces.ts';
import type { Store } from '../../store/store.ts';
import { allShards } from '../routing.ts';
import type { Window } from './time-params.ts';

export interface StatisticsQuery extends Window {
  readonly grain: Grain;
  /** The pieces are to be told apart by steps of this length, which begin at its multiples. */
  readonly stepUs?: number;
}

/** Every shard's minutes in the window, each counted once, as they are counted now. */
export async function* readStatistics(
  env: Env,
  config: CurrentConfig,
  store: Store,
  { startUs, endUs, stepUs, grain }: StatisticsQuery,
): AsyncGenerator<Piece> {
  const [fromMs, toMs] = [startUs / 1000, endUs / 1000];
  // Shards first: what one has not handed over to the store by then is in its answer.
  const shards = allShards(env, config).map((shard) => readUnwritten(shard, fromMs, toMs, grain));
  const unwritten = (await Promise.all(shards)).flat();
  const replaced = new Set(unwritten.map(({ minuteMs, shard }) => `${minuteMs} ${shard}`));
  yield* readPieces(store, {
    fromMs,
    toMs,
    grain,
    ...(stepUs === undefined ? {} : { stepMs: stepUs / 1000 }),
    except: new Set(unwritten.map(({ minuteMs }) => minuteMs)),
    isReplaced: (minuteMs, shard) => replaced.has(`${minuteMs} ${shard}`),
  });
  for (const { minuteMs, bytes } of unwritten) yield { row: decodeMinute(bytes), startMs: minuteMs };
}

/** All of the window as one. */
export async function sumStatistics(
  env: Env,
  config: CurrentConfig,
  store: Store,
  query: StatisticsQuery,
): Promise<StatisticsSum> {
  const sum = new StatisticsSum(query.grain);
  for await (const { row, minutes } of readStatistics(env, config, store, query)) sum.add(row, minutes);
  return sum;
}

async function readUnwritten(
  shard: DurableObjectStub<TraceShard>,
  fromMs: number,
  toMs: number,
  grain: Grain,
): Promise<(PackedMinute & { readonly shard: string })[]> {
  const rows: (PackedMinute & { readonly shard: string })[] = [];
  for (let nextMs: number | null = fromMs; nextMs !== null; ) {
    const answer = await shard.unwrittenStatistics(nextMs, toMs, grain);
    rows.push(...answer.rows.map((row) => ({ ...row, shard: answer.shard })));
    nextMs = answer.nextMs;
  }
  return rows;
}
