/** What operations took in the minutes around a trace, from the statistics that the store has. */

import { crc32 } from 'node:zlib';
import { MAX_WINDOW_BYTES, WINDOW_MINUTES } from '../../model/limits.ts';
import { cutName } from '../../model/names.ts';
import { mergeMinutes } from '../../model/statistics-merge.ts';
import type { DurationsOf, TimelineAnswer } from '../../model/timeline.ts';
import { StoreError } from '../../store/errors.ts';
import type { StatisticsRow, Store } from '../../store/store.ts';

const MINUTE_MS = 60_000;
/** How long what was read is gone by, and of how many windows. */
const FRESH_MS = 10_000;
const MAX_WINDOWS = 8;

export interface WindowStatistics {
  readonly durationsOf: DurationsOf;
  readonly window: TimelineAnswer['statistics'];
  /** The same as long as the rows are. */
  readonly tag: string;
}

const windows = new Map<number, { readonly readMs: number; readonly statistics: WindowStatistics }>();

/**
 * The minute of `atUs` and those around it, `WINDOW_MINUTES` in all, or the one alone where they would be too many bytes. While the
 * store does not answer there are none: a trace is told without.
 */
export async function windowStatistics(store: Store, atUs: number, nowMs: number): Promise<WindowStatistics> {
  const minuteMs = Math.floor(atUs / (1_000 * MINUTE_MS)) * MINUTE_MS;
  const known = windows.get(minuteMs);
  if (known && nowMs - known.readMs < FRESH_MS) return known.statistics;
  const statistics = await readWindow(store, minuteMs).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    return null;
  });
  if (statistics === null) return { durationsOf: () => null, window: null, tag: 'none' };
  windows.delete(minuteMs);
  windows.set(minuteMs, { readMs: nowMs, statistics });
  for (const oldest of windows.keys()) {
    if (windows.size <= MAX_WINDOWS) break;
    windows.delete(oldest);
  }
  return statistics;
}

async function readWindow(store: Store, minuteMs: number): Promise<WindowStatistics> {
  let [fromMs, toMs] = [minuteMs, minuteMs + MINUTE_MS];
  let rows = await store.readStatistics(fromMs, toMs);
  if (bytesOf(rows) * WINDOW_MINUTES <= MAX_WINDOW_BYTES) {
    fromMs -= Math.floor(WINDOW_MINUTES / 2) * MINUTE_MS;
    toMs = fromMs + WINDOW_MINUTES * MINUTE_MS;
    rows = await store.readStatistics(fromMs, toMs);
  }
  const { operations } = mergeMinutes(rows.map(({ data }) => data));
  const durations = new Map(
    operations.map(({ service, operation, kind, durations: each }) => [keyOf(service, operation, kind), each]),
  );
  return {
    durationsOf: ({ service, name, kind }) => durations.get(keyOf(cutName(service), cutName(name), kind)) ?? null,
    window: { startUs: fromMs * 1_000, endUs: toMs * 1_000 },
    tag: crc32(JSON.stringify(rows.map((row) => [row.minuteMs, row.shard, row.version]))).toString(16),
  };
}

function bytesOf(rows: readonly StatisticsRow[]): number {
  return rows.reduce((sum, { data }) => sum + data.length, 0);
}

function keyOf(...names: string[]): string {
  return JSON.stringify(names);
}
