import { expect, it } from 'vitest';
import { Histogram } from '../../model/histogram.ts';
import { MAX_NAME_CHARS, MAX_WINDOW_BYTES } from '../../model/limits.ts';
import { encodeMinute } from '../../model/statistics-row.ts';
import { StoreError } from '../../store/errors.ts';
import { createMemoryStore } from '../../store/memory.ts';
import { windowStatistics } from '../../worker/query/window-statistics.ts';

const MINUTE_US = 60_000_000;
let nextMinute = 29_000_000;
/** Minutes that no other test has read. */
const freshMinute = () => (nextMinute += 100);

function row(minute: number, version: number, names: readonly string[], us: number) {
  const durations = new Histogram();
  durations.record(us);
  const cell = { kind: 2, spans: 1, errors: 0, variance: 0, errorVariance: 0, sumUs: us, durations };
  const data = encodeMinute({
    minute,
    operations: names.toSorted().map((name) => ({ service: 'shop', name })),
    cells: names.map((_, operation) => ({ operation, ...cell })),
    edges: [],
  });
  return { shard: 'shard-0', minuteMs: minute * 60_000, version, data };
}

const rank = { service: 'shop', name: 'rank', kind: 'server' } as const;

it('adds up five minutes, and names what it has read', async () => {
  const minute = freshMinute();
  const store = createMemoryStore();
  await store.writeStatistics([-3, -2, 0, 2, 3].map((by) => row(minute + by, 1, ['rank'], 10 ** (by + 4))));
  const { durationsOf, window } = await windowStatistics(store, (minute + 0.5) * MINUTE_US, 0);
  expect(durationsOf(rank)?.count).toBe(3);
  expect(durationsOf({ ...rank, kind: 'client' })).toBeNull();
  expect(window).toEqual({ startUs: (minute - 2) * MINUTE_US, endUs: (minute + 3) * MINUTE_US });
});

it('reads the one minute alone where it is large, and finds names by what is counted of them', async () => {
  const minute = freshMinute();
  const store = createMemoryStore();
  const names = Array.from({ length: 400 }, (_, i) => `${i}`.padStart(4, '0') + 'x'.repeat(MAX_NAME_CHARS - 4));
  await store.writeStatistics([minute, minute + 1].map((each) => row(each, 1, names, 5)));
  expect((await store.readStatistics(minute * 60_000, (minute + 1) * 60_000))[0]!.data.length * 5).toBeGreaterThan(
    MAX_WINDOW_BYTES,
  );
  const { durationsOf, window } = await windowStatistics(store, minute * MINUTE_US, 0);
  expect(durationsOf({ ...rank, name: `${names[7]}, and more` })?.count).toBe(1);
  expect(window).toEqual({ startUs: minute * MINUTE_US, endUs: (minute + 1) * MINUTE_US });
});

it('goes by what it has read for ten seconds, then by what there is', async () => {
  const minute = freshMinute();
  const store = createMemoryStore();
  await store.writeStatistics([row(minute, 1, ['rank'], 5)]);
  const first = await windowStatistics(store, minute * MINUTE_US, 1_000);
  await store.writeStatistics([row(minute, 2, ['rank', 'sort'], 5)]);
  expect(await windowStatistics(store, minute * MINUTE_US, 10_999)).toBe(first);
  const later = await windowStatistics(store, minute * MINUTE_US, 11_000);
  expect(later.durationsOf({ ...rank, name: 'sort' })?.count).toBe(1);
  expect(later.tag).not.toBe(first.tag);
});

it('is nothing while the store does not answer, and does not last', async () => {
  const minute = freshMinute();
  const store = createMemoryStore();
  await store.writeStatistics([row(minute, 1, ['rank'], 5)]);
  const away = { ...store, readStatistics: () => Promise.reject(new StoreError('unavailable', '', 'away')) };
  const nothing = await windowStatistics(away, minute * MINUTE_US, 0);
  expect([nothing.durationsOf(rank), nothing.window]).toEqual([null, null]);
  expect((await windowStatistics(store, minute * MINUTE_US, 0)).durationsOf(rank)?.count).toBe(1);
});
