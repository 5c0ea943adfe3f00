import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { projectRow } from '../../model/statistics-roll-up.ts';
import { encodeMinute } from '../../model/statistics-row.ts';
import { type Grain, StatisticsSum } from '../../model/statistics-sum.ts';
import { rollUpStatistics } from '../../store/roll-up.ts';
import { type PiecesQuery, readPieces } from '../../store/statistics-pieces.ts';
import type { StatisticsRow, Store } from '../../store/store.ts';
import { type CountedSpan, countSpans, describeSum, rowOf } from '../kit/counted-spans.ts';
import { DAY_MS, expiryAt } from './retention.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAYS = 3;
const NOW_MS = DAYS * DAY_MS;

const arbitrarySpan: fc.Arbitrary<CountedSpan> = fc.record({
  shard: fc.constantFrom('shard-0', 'shard-1'),
  // Some hours have much, the others little.
  minute: fc.oneof(fc.nat(DAYS * 1_440 - 1), fc.integer({ min: 1_440, max: 1_500 })),
  service: fc.constantFrom('shop', 'cart', 'pay'),
  name: fc.constantFrom('GET /', 'query'),
  kind: fc.integer({ min: 0, max: 5 }),
  durationUs: fc.nat(1e7),
  isError: fc.boolean(),
  caller: fc.option(fc.record({ service: fc.constantFrom('page', 'api'), name: fc.constantFrom('load', 'click') })),
});

/** Spans come, in turns; after some of them everything that is stale is rolled up, or only some. */
const arbitraryStory = fc.array(
  fc.record({ spans: fc.array(arbitrarySpan, { minLength: 1, maxLength: 25 }), rollUps: fc.constantFrom(0, 1, 100) }),
  { minLength: 1, maxLength: 5 },
);

const arbitraryQuery = fc.record({
  range: fc.oneof(
    fc.constant([0, DAYS * 1_440] as const),
    fc.tuple(fc.nat(DAYS * 1_440), fc.nat(DAYS * 1_440)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
  ),
  grain: fc.constantFrom<Grain>('service', 'operation'),
  stepMs: fc.constantFrom(undefined, 5 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, DAY_MS),
});

/** Has the rows of these spans written, each in place of the shard's earlier one of the minute. */
async function writeSpans(store: Store, all: readonly CountedSpan[], added: readonly CountedSpan[], version: number) {
  const rows = Map.groupBy(all, ({ shard, minute }) => `${shard} ${minute}`);
  const touched = new Set(added.map(({ shard, minute }) => `${shard} ${minute}`));
  await store.writeStatistics(
    [...touched].map((key): StatisticsRow => {
      const [shard, minute] = key.split(' ') as [string, string];
      const data = encodeMinute(rowOf(Number(minute), rows.get(key)!));
      // Rows of before have none.
      const services = shard === 'shard-0' ? { services: projectRow(data, 'service') } : {};
      return { shard, minuteMs: Number(minute) * MINUTE_MS, version, data, ...services };
    }),
  );
}

async function piecesOf(store: Store, query: PiecesQuery) {
  const pieces = [];
  for await (const piece of readPieces(store, query)) pieces.push(piece);
  return pieces;
}

/** What every store must do with statistics that are rolled up. `isSplit`: rows of ten minutes are in several databases. */
export function statisticsContract(name: string, createStore: () => Promise<Store>, isSplit = false): void {
  describe(`${name} store: statistics that are rolled up`, () => {
    test('are nothing where there are none', async () => {
      const store = await createStore();
      expect(await rollUpStatistics(store, NOW_MS, 10)).toBe(0);
      expect(await piecesOf(store, { fromMs: 0, toMs: NOW_MS, grain: 'service' })).toEqual([]);
    });

    test('count what brute force counts, whatever was rolled up, came late or was replaced', async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryStory, arbitraryQuery, async (story, { range, grain, stepMs }) => {
          const store = await createStore();
          const all: CountedSpan[] = [];
          for (const [turn, { spans, rollUps }] of story.entries()) {
            all.push(...spans);
            await writeSpans(store, all, spans, turn + 1);
            if (rollUps > 0) await rollUpStatistics(store, NOW_MS + HOUR_MS, rollUps);
          }
          const [from, to] = range;
          const within = all.filter(({ minute }) => minute >= from && minute < to);
          const query: PiecesQuery = { fromMs: from * MINUTE_MS, toMs: to * MINUTE_MS, grain };
          const pieces = await piecesOf(store, stepMs === undefined ? query : { ...query, stepMs });
          const sum = new StatisticsSum(grain);
          for (const { row, minutes } of pieces) sum.add(row, minutes);
          expect(describeSum(sum.toRow())).toEqual(countSpans(within, grain));
          if (stepMs === undefined) return;
          const stepOf = (ms: number) => Math.floor(ms / stepMs);
          for (const [step, of] of Map.groupBy(pieces, ({ startMs }) => stepOf(startMs))) {
            const inStep = new StatisticsSum(grain);
            for (const { row, minutes } of of) inStep.add(row, minutes);
            const spans = within.filter(({ minute }) => stepOf(minute * MINUTE_MS) === step);
            expect(describeSum(inStep.toRow())).toEqual(countSpans(spans, grain));
          }
        }),
        { numRuns: name === 'memory' ? 200 : 5 },
      );
    });

    test.skipIf(isSplit)(
      'are one piece a day, none of one that has changed, and none of a minute that is excepted',
      async () => {
        const store = await createStore();
        const base = {
          shard: 'shard-0',
          service: 'shop',
          name: 'a',
          kind: 2,
          durationUs: 5,
          isError: false,
          caller: null,
        };
        const spans = Array.from({ length: 48 }, (_, i): CountedSpan => ({ ...base, minute: 1_440 + i * 30 }));
        await writeSpans(store, spans, spans, 1);
        const day = { fromMs: DAY_MS, toMs: 2 * DAY_MS, grain: 'operation' } as const;
        expect(await piecesOf(store, day)).toHaveLength(48);
        expect(await rollUpStatistics(store, NOW_MS, 1_000)).toBe(48 + 24 + 1);
        expect(await rollUpStatistics(store, NOW_MS, 1_000)).toBe(0);
        for (const grain of ['operation', 'service'] as const) {
          expect(await piecesOf(store, { ...day, grain })).toMatchObject([{ startMs: DAY_MS, row: { minute: 2_850 } }]);
        }
        // One hour is read in its ten minutes, and one of these in its rows.
        const except = new Set([DAY_MS + 30 * MINUTE_MS]);
        expect(await piecesOf(store, { ...day, except })).toHaveLength(23 + 2);
        // A version that is older, or the same, changes nothing.
        await writeSpans(store, spans, spans, 1);
        expect(await piecesOf(store, day)).toHaveLength(1);
        const late = { ...base, minute: 1_440 + 90 };
        await writeSpans(store, [...spans, late], [late], 2);
        expect(await piecesOf(store, day)).toHaveLength(23 + 2);
        expect(await rollUpStatistics(store, NOW_MS, 1_000)).toBe(3);
        expect(await piecesOf(store, day)).toHaveLength(1);
      },
    );

    test.skipIf(isSplit)('are made step by step, a longer one of shorter ones only', async () => {
      const store = await createStore();
      const base = { shard: 's', service: 'shop', name: 'a', kind: 2, durationUs: 5, isError: false, caller: null };
      const spans = [0, 10, 20, 70].map((minute): CountedSpan => ({ ...base, minute: 1_440 + minute }));
      await writeSpans(store, spans, spans, 1);
      const piecesLeft = async () => (await piecesOf(store, { fromMs: 0, toMs: NOW_MS, grain: 'service' })).length;
      // The latest ten minutes, and their hour, which has no others; then those of the hour before, which waits for them.
      expect(await rollUpStatistics(store, NOW_MS, 1)).toBe(2);
      expect(await rollUpStatistics(store, NOW_MS, 1)).toBe(1);
      expect(await rollUpStatistics(store, NOW_MS, 1)).toBe(1);
      expect(await piecesLeft()).toBe(4);
      expect(await rollUpStatistics(store, NOW_MS, 1)).toBe(3);
      expect(await piecesLeft()).toBe(1);
    });

    test.skipIf(isSplit)('are not stored where a row has changed since they were begun', async () => {
      const store = await createStore();
      const row = (version: number): StatisticsRow => ({
        shard: 's',
        minuteMs: DAY_MS,
        version,
        data: new Uint8Array([version]),
      });
      await store.writeStatistics([row(1)]);
      const [period] = await store.findStaleRollUps(HOUR_MS, 0, NOW_MS, 10);
      expect(period).toMatchObject({ lengthMs: HOUR_MS, startMs: DAY_MS });
      await store.writeStatistics([row(2)]);
      await store.writeRollUp({ ...period!, services: new Uint8Array([1]), operations: null });
      expect(await store.readRollUps(HOUR_MS, 0, NOW_MS, 'service')).toEqual([]);
      const [current] = await store.findStaleRollUps(HOUR_MS, 0, NOW_MS, 10);
      await store.writeRollUp({ ...current!, services: new Uint8Array([1]), operations: null });
      expect(await store.readRollUps(HOUR_MS, 0, NOW_MS, 'service')).toEqual([
        { startMs: DAY_MS, data: new Uint8Array([1]) },
      ]);
      expect(await store.readRollUps(HOUR_MS, 0, NOW_MS, 'operation')).toEqual([]);
      expect(await store.findStaleRollUps(HOUR_MS, 0, NOW_MS, 10)).toEqual([]);
    });

    test('go with their rows', async () => {
      const store = await createStore();
      const base = { shard: 's', service: 'shop', name: 'a', kind: 2, durationUs: 5, isError: false, caller: null };
      const spans = [1, 2].map((day): CountedSpan => ({ ...base, minute: day * 1_440 }));
      await writeSpans(store, spans, spans, 1);
      await rollUpStatistics(store, NOW_MS, 1_000);
      await store.expire(expiryAt(401));
      const pieces = await piecesOf(store, { fromMs: 0, toMs: NOW_MS, grain: 'service' });
      expect(pieces).toMatchObject([{ startMs: 2 * DAY_MS }]);
      expect(await store.readRollUps(DAY_MS, 0, 2 * DAY_MS, 'service')).toEqual([]);
    });
  });
}
