import { describe, expect, test } from 'vitest';
import { decodeSpans } from '../../model/otlp/decode.ts';
import type { ExpireOptions, ExpireReport, Store } from '../../store/store.ts';
import { EVERYTHING, find, makePart, type PartWords, traceIdOf } from './parts.ts';

export const DAY_MS = 86_400_000;
const EMPTY = { blocks: 0, traces: 0, bytes: 0 };

/** A step of expiry some days after the epoch, with room for everything. */
export function expiryAt(day: number, options: Partial<ExpireOptions> = {}): ExpireOptions {
  const days = { hot: 7, warm: 90, cold: 365 };
  return { nowMs: day * DAY_MS, days, statisticsDays: 400, maxBlocks: 100, dryRun: false, ...options };
}

/** A part that was decided a number of days after the epoch. */
export function partOn(day: number, words: PartWords) {
  return makePart({ ...words, decidedUs: day * DAY_MS * 1_000 });
}

async function exportAll(store: Store, range = EVERYTHING): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = [];
  for await (const message of store.export(range)) messages.push(message);
  return messages;
}

/** What every store must do to forget, to keep, and to hand out. `createStore` gives an empty one each time it is called. */
export function retentionContract(name: string, createStore: () => Promise<Store>): void {
  const [a, b, c] = [traceIdOf(1), traceIdOf(2), traceIdOf(3)];

  /** Ids of all traces that are found, ascending; each must be readable, whole. */
  async function idsIn(store: Store): Promise<string[]> {
    const found = await find(store, EVERYTHING);
    for (const summary of found) {
      const trace = (await store.get(summary.traceId))!;
      expect(trace.summary).toEqual(summary);
      expect(decodeSpans(trace.otlp, 'kept')).toHaveLength(summary.spanCount);
    }
    return found.map(({ traceId }) => traceId).sort();
  }

  describe(`${name} store: retention`, () => {
    test('all should work when empty', async () => {
      const store = await createStore();
      const report: ExpireReport = { intended: EMPTY, actual: EMPTY, keptTraces: 0, failedBlocks: [], hasMore: false };
      expect(await store.expire(expiryAt(1_000))).toEqual(report);
      expect(await store.expire(expiryAt(1_000, { dryRun: true }))).toEqual(report);
      await store.hold(a, DAY_MS);
      await store.hold(a, null);
      await store.erase(a, DAY_MS);
      expect(await exportAll(store)).toEqual([]);
      await store.writeStatistics([]);
      expect(await store.readStatistics(0, Number.MAX_SAFE_INTEGER)).toEqual([]);
    });

    test('each class goes in its time, and not before', async () => {
      const store = await createStore();
      await store.write('hot', [partOn(0, { traceId: a })]);
      await store.write('warm', [partOn(0, { traceId: b, retention: 'warm' })]);
      await store.write('cold', [partOn(0, { traceId: c, retention: 'cold' })]);
      for (const [day, left] of [
        [6.99, [a, b, c]],
        [7, [b, c]],
        [89.99, [b, c]],
        [90, [c]],
        [364.99, [c]],
        [365, []],
      ] as const) {
        await store.expire(expiryAt(day));
        expect(await idsIn(store)).toEqual(left);
      }
    });

    test('says what it would do, does it, and says so; in steps', async () => {
      const store = await createStore();
      for (let i = 1; i <= 5; i++) {
        const parts = [i, i + 100].map((n) => partOn(i, { traceId: traceIdOf(n), startUs: n }));
        await store.write(`block-${i}`, parts);
      }
      const intended = { blocks: 3, traces: 6, bytes: expect.any(Number) as number };
      const dry = await store.expire(expiryAt(10, { dryRun: true }));
      expect(dry).toMatchObject({ intended, actual: EMPTY, hasMore: false });
      expect(dry.intended.bytes).toBeGreaterThan(0);
      expect(await idsIn(store)).toHaveLength(10);
      expect(await store.expire(expiryAt(10, { maxBlocks: 2, dryRun: true }))).toMatchObject({ hasMore: true });
      const first = await store.expire(expiryAt(10, { maxBlocks: 2 }));
      expect(first).toMatchObject({
        intended: { blocks: 2, traces: 4 },
        actual: { blocks: 2, traces: 4 },
        hasMore: true,
      });
      const second = await store.expire(expiryAt(10, { maxBlocks: 2 }));
      expect(second).toMatchObject({ actual: { blocks: 1, traces: 2 }, hasMore: false });
      expect(first.actual.bytes + second.actual.bytes).toBe(dry.intended.bytes);
      expect(await idsIn(store)).toEqual([4, 5, 104, 105].map(traceIdOf));
    });

    test('a trace stays whole as long as the longest class of any of its parts, and its neighbours do not', async () => {
      const store = await createStore();
      await store.write('first', [partOn(0, { traceId: a }), partOn(0, { traceId: b }), partOn(0, { traceId: c })]);
      const late = { covers: 'part', revision: 2 } as const;
      await store.write('late', [partOn(0.1, { ...late, traceId: a, retention: 'warm' })]);
      await store.write('later', [partOn(0.2, { ...late, traceId: b, retention: 'cold' })]);
      const report = await store.expire(expiryAt(8));
      expect(report).toMatchObject({ actual: { blocks: 0, traces: 1 }, keptTraces: 2 });
      expect(await idsIn(store)).toEqual([a, b]);
      expect((await store.get(a))!.summary).toMatchObject({ spanCount: 2, decision: { retention: 'warm' } });
      await store.expire(expiryAt(91));
      expect(await idsIn(store)).toEqual([b]);
      await store.expire(expiryAt(364));
      expect(await idsIn(store)).toEqual([b]);
      await store.expire(expiryAt(366));
      await store.expire(expiryAt(366));
      expect(await idsIn(store)).toEqual([]);
      expect(await store.expire(expiryAt(1_000))).toMatchObject({ intended: EMPTY, keptTraces: 0 });
    });

    test('one trace keeps another one in its block from nothing', async () => {
      const store = await createStore();
      const traces = Array.from({ length: 40 }, (_, i) => partOn(0, { traceId: traceIdOf(i + 1), startUs: i }));
      await store.write('block', traces);
      for (const i of [3, 17, 38]) await store.hold(traceIdOf(i), 20 * DAY_MS);
      expect(await store.expire(expiryAt(8))).toMatchObject({ actual: { traces: 37 }, keptTraces: 3 });
      expect(await idsIn(store)).toEqual([3, 17, 38].map(traceIdOf));
      expect(await store.expire(expiryAt(9))).toMatchObject({ intended: EMPTY, keptTraces: 0 });
      await store.expire(expiryAt(20));
      expect(await idsIn(store)).toEqual([]);
    });

    test('a hold lasts until its time or until it is taken back, and may come before the trace', async () => {
      const store = await createStore();
      await store.hold(a, 100 * DAY_MS);
      await store.write('block', [partOn(0, { traceId: a }), partOn(0, { traceId: b })]);
      await store.hold(b, 50 * DAY_MS);
      await store.hold(b, 60 * DAY_MS);
      await store.expire(expiryAt(8));
      await store.expire(expiryAt(59));
      expect(await idsIn(store)).toEqual([a, b]);
      await store.expire(expiryAt(60));
      expect(await idsIn(store)).toEqual([a]);
      await store.hold(a, null);
      await store.expire(expiryAt(61));
      expect(await idsIn(store)).toEqual([]);
    });

    test('other days are in force at once; fewer for a longer class are refused', async () => {
      const store = await createStore();
      await store.write('hot', [partOn(0, { traceId: a })]);
      await store.write('cold', [partOn(0, { traceId: b, retention: 'cold' })]);
      await store.expire(expiryAt(8, { days: { hot: 30, warm: 30, cold: 30 } }));
      expect(await idsIn(store)).toEqual([a, b]);
      await store.expire(expiryAt(8, { days: { hot: 1, warm: 1, cold: 8 } }));
      expect(await idsIn(store)).toEqual([]);
      for (const days of [
        { hot: 2, warm: 1, cold: 3 },
        { hot: -1, warm: 1, cold: 3 },
        { hot: 1, warm: 2, cold: Number.NaN },
      ]) {
        await expect(store.expire(expiryAt(8, { days }))).rejects.toBeInstanceOf(RangeError);
      }
    });

    test('an erased trace is gone from every list, with all its parts, and the others are not', async () => {
      const store = await createStore();
      const first = [a, b].map((traceId) => partOn(0, { traceId }));
      const late = [a, c].map((traceId) => partOn(1, { traceId, revision: 2, covers: 'part' }));
      await store.write('first', first);
      await store.write('late', late);
      await store.erase(a, 2 * DAY_MS);
      expect(await store.get(a)).toBeNull();
      expect(await idsIn(store)).toEqual([b, c]);
      await store.erase(a, 2 * DAY_MS);
      await store.erase(b, 2 * DAY_MS);
      expect(await idsIn(store)).toEqual([c]);
      expect((await exportAll(store)).flatMap((otlp) => decodeSpans(otlp, 'kept'))).toHaveLength(1);
    });

    test('no write brings back what was erased: neither the old one nor a late part', async () => {
      const store = await createStore();
      const old = [a, b].map((traceId) => partOn(0, { traceId }));
      const alone = [partOn(0, { traceId: c })];
      await store.write('old', old);
      await store.write('alone', alone);
      await store.erase(a, DAY_MS);
      await store.erase(c, DAY_MS);
      await store.write('old', old);
      await store.write('alone', alone);
      const late = [a, b].map((traceId) => partOn(1, { traceId, revision: 2, covers: 'part' }));
      await store.write('late', late);
      await store.write('late', late);
      expect(await store.get(a)).toBeNull();
      expect(await store.get(c)).toBeNull();
      expect(await idsIn(store)).toEqual([b]);
      await expect(store.write('old', [partOn(0, { traceId: b, operations: [['x', 'y']] })])).rejects.toMatchObject({
        fault: 'block_conflict',
      });
    });

    test('what is erased before it was ever written is not written', async () => {
      const store = await createStore();
      await store.erase(a, DAY_MS);
      await store.write('block', [partOn(0, { traceId: a }), partOn(0, { traceId: b })]);
      expect(await idsIn(store)).toEqual([b]);
      await store.expire(expiryAt(8));
      expect(await idsIn(store)).toEqual([]);
    });

    test('a tombstone goes when no old write can come any more', async () => {
      const store = await createStore();
      await store.erase(a, 0);
      await store.expire(expiryAt(29));
      await store.write('early', [partOn(29, { traceId: a })]);
      expect(await idsIn(store)).toEqual([]);
      await store.expire(expiryAt(31));
      await store.write('fresh', [partOn(31, { traceId: a })]);
      expect(await idsIn(store)).toEqual([a]);
    });

    test('an old write repeated after its traces expired brings back none that left a block that is there', async () => {
      const store = await createStore();
      const parts = [a, b].map((traceId) => partOn(0, { traceId }));
      await store.write('block', parts);
      await store.hold(b, 100 * DAY_MS);
      await store.expire(expiryAt(8));
      await store.write('block', parts);
      expect(await idsIn(store)).toEqual([b]);
      expect((await store.get(b))!.summary).toEqual(parts[1]!.summary);
    });

    test('an export is every trace of the range once, in messages that can be read one by one', async () => {
      const store = await createStore();
      const parts = Array.from({ length: 230 }, (_, i) => makePart({ traceId: traceIdOf(i + 1), startUs: 1_000 + i }));
      for (let i = 0; i < parts.length; i += 50) await store.write(`block-${i}`, parts.slice(i, i + 50));
      const messages = await exportAll(store, { ...EVERYTHING, startUs: 1_010, endUs: 1_209 });
      const ids = messages.flatMap((otlp) => decodeSpans(otlp, 'kept')).map(({ traceId }) => traceId);
      expect(ids.sort()).toEqual(parts.slice(10, 210).map(({ traceId }) => traceId));
    });

    test('no message of an export is larger than it may be, however large a trace is', async () => {
      const store = await createStore();
      const operations = Array.from({ length: 2_500 }, (_, i) => ['shop', `${i} ${'x'.repeat(4_000)}`] as const);
      await store.write('large', [makePart({ traceId: a, operations })]);
      await store.write('small', [makePart({ traceId: b })]);
      const messages = await exportAll(store);
      expect(messages.length).toBeGreaterThan(1);
      for (const message of messages) expect(message.length).toBeLessThanOrEqual(8 * 1024 * 1024);
      expect(messages.flatMap((otlp) => decodeSpans(otlp, 'kept'))).toHaveLength(operations.length + 1);
    });

    test('of statistics the highest version stands, in order of minute and shard, until their time is over', async () => {
      const store = await createStore();
      const row = (day: number, shard: string, version: number) => {
        return { minuteMs: day * DAY_MS, shard, version, data: new Uint8Array([day, version]) };
      };
      await store.writeStatistics([row(2, 'b', 1), row(2, 'a', 3), row(1, 'b', 2)]);
      await store.writeStatistics([row(2, 'a', 2), row(1, 'b', 5), row(3, 'a', 1)]);
      await store.writeStatistics([row(2, 'a', 3)]);
      const all = [row(1, 'b', 5), row(2, 'a', 3), row(2, 'b', 1), row(3, 'a', 1)];
      expect(await store.readStatistics(0, 4 * DAY_MS)).toEqual(all);
      expect(await store.readStatistics(2 * DAY_MS, 3 * DAY_MS)).toEqual(all.slice(1, 3));
      await store.expire(expiryAt(401));
      expect(await store.readStatistics(0, 4 * DAY_MS)).toEqual(all.slice(1));
      await store.expire(expiryAt(402, { dryRun: true }));
      expect(await store.readStatistics(0, 4 * DAY_MS)).toEqual(all.slice(1));
    });

    test('many rows of statistics at once, and large ones', async () => {
      const store = await createStore();
      const rows = Array.from({ length: 120 }, (_, i) => {
        return { minuteMs: i * 60_000, shard: 's', version: 1, data: new Uint8Array(1_000).fill(i) };
      });
      await store.writeStatistics([
        ...rows,
        { minuteMs: 0, shard: 'z', version: 1, data: new Uint8Array(300_000).fill(9) },
      ]);
      const read = await store.readStatistics(0, DAY_MS);
      expect(read.filter(({ shard }) => shard === 's')).toEqual(rows);
      expect(read.find(({ shard }) => shard === 'z')!.data).toHaveLength(300_000);
    });
  });
}
