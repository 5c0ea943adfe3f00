/** How many traces match, in all and by start and duration: those of the shards and those of the store. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { LiveTally } from '../../durable-objects/protocol.ts';
import type { TraceSearch } from '../../model/query/conditions.ts';
import type { Store, StoreSearch, Tally, TallyGrid, TraceCount } from '../../store/store.ts';
import { shardStub, shardsWithTraces } from '../routing.ts';

const COLUMNS = 60;
/** One, two and five of every power of ten, from 100 µs to 1,000 s. */
const DURATIONS_US: readonly number[] = [
  0,
  ...[2, 3, 4, 5, 6, 7, 8].flatMap((n) => [1, 2, 5].map((k) => k * 10 ** n)),
  1e9,
];
/** All traces are in its one cell. */
const ONE_CELL: TallyGrid = { startsUs: [0], durationsUs: [0] };

/** The answer of `GET /api/traces/histogram`. */
export interface TraceHistogram extends TallyGrid, TraceCount {
  /** By the rows of the grid. */
  readonly durations: readonly number[];
  /** `heatmap[column][row]`. */
  readonly heatmap: Tally['counts'];
}

export async function countTraces(
  env: Env,
  config: CurrentConfig,
  store: Store,
  search: TraceSearch,
  isOver: () => boolean,
): Promise<TraceCount> {
  const count = (of: StoreSearch) => store.count(of);
  const { live, stored, exact } = await askBoth(env, config, search, ONE_CELL, count, isOver);
  return { count: stored.count + sum(live.map(({ counts }) => counts[0]![0]!)), exact };
}

export async function tallyTraces(
  env: Env,
  config: CurrentConfig,
  store: Store,
  search: TraceSearch,
  isOver: () => boolean,
): Promise<TraceHistogram> {
  const grid = gridOf(search);
  const tally = (of: StoreSearch) => store.tally(of, grid);
  const { live, stored, exact } = await askBoth(env, config, search, grid, tally, isOver);
  const heatmap = stored.counts.map((column, i) =>
    column.map((count, k) => count + sum(live.map(({ counts }) => counts[i]![k]!))),
  );
  const durations = grid.durationsUs.map((_, k) => sum(heatmap.map((column) => column[k]!)));
  return { ...grid, durations, heatmap, count: sum(durations), exact };
}

/** Exact where no trace can have left a shard for the store between the two. */
async function askBoth<Answer extends { readonly exact: boolean }>(
  env: Env,
  config: CurrentConfig,
  search: TraceSearch,
  grid: TallyGrid,
  ask: (search: StoreSearch) => Promise<Answer>,
  isOver: () => boolean,
): Promise<{ live: readonly LiveTally[]; stored: Answer; exact: boolean }> {
  const live = await tallyLive(env, config, search, grid);
  const stored = await ask({ ...search, isOver });
  const stages = await Promise.all(live.map((_, shard) => shardStub(env, shard).stage()));
  const isStill = live.every(({ stage }, shard) => stage !== null && stage === stages[shard]);
  return { live, stored, exact: stored.exact && isStill && live.every((tally) => tally.exact) };
}

async function tallyLive(env: Env, config: CurrentConfig, search: TraceSearch, grid: TallyGrid): Promise<LiveTally[]> {
  const answers = await Promise.all(shardsWithTraces(env, config).map((shard) => shard.tally(search, grid)));
  // Where a trace is with a shard that this isolate has not heard of, the one that had its slot before knows.
  const newer = answers.find(({ table }) => table && table.version > config.table.version)?.table;
  return newer ? tallyLive(env, { ...config, shards: newer.shards, table: newer }, search, grid) : answers;
}

function gridOf({ startUs, endUs }: TraceSearch): TallyGrid {
  const widthUs = Math.max(1, Math.ceil((endUs - startUs + 1) / COLUMNS));
  const columns = Math.ceil((endUs - startUs + 1) / widthUs);
  return { startsUs: Array.from({ length: columns }, (_, i) => startUs + i * widthUs), durationsUs: DURATIONS_US };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
