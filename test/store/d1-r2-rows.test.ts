import { beforeEach, describe, expect, test } from 'vitest';
import { encodeMinute } from '../../model/statistics-row.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { WALK } from '../../store/d1-walk.ts';
import { rollUps } from '../../store/migrations/0004-roll-ups.ts';
import { MIGRATIONS, migrate } from '../../store/migrations/migrate.ts';
import { rollUpStatistics } from '../../store/roll-up.ts';
import { readPieces } from '../../store/statistics-pieces.ts';
import type { StatisticsRow, StoreSearch } from '../../store/store.ts';
import { EVERYTHING, find, makePart, traceIdOf } from '../contract/parts.ts';
import { DAY_MS, expiryAt } from '../contract/retention.ts';
import { rowOf } from '../kit/counted-spans.ts';
import { bindings, clearBindings, db } from './bindings.ts';
import { wrapBindings } from './wrapped-bindings.ts';

/** What D1 counts, and bills, of the calls of a store. */
const meter = { statements: 0, rowsWritten: 0, rowsRead: 0 };

const store = createD1R2Store(
  wrapBindings(bindings, async (call) => {
    const result = await call();
    const results = (Array.isArray(result) ? result : [result]) as (D1Result | null)[];
    for (const each of results) {
      if (!each?.meta) continue;
      meter.statements++;
      meter.rowsWritten += each.meta.rows_written;
      meter.rowsRead += each.meta.rows_read;
    }
    return result;
  }),
);

async function metered(step: () => Promise<unknown>): Promise<typeof meter> {
  Object.assign(meter, { statements: 0, rowsWritten: 0, rowsRead: 0 });
  await step();
  return { ...meter };
}

const partsFrom = (first: number, count: number, revision = 1) =>
  Array.from({ length: count }, (_, i) =>
    makePart({ traceId: traceIdOf(first + i), startUs: 1_000 + first + i, revision }),
  );

describe('rows written', () => {
  beforeEach(async () => {
    await clearBindings();
    await find(createD1R2Store(bindings), EVERYTHING);
    await find(store, EVERYTHING);
  });

  test('two a kept trace, three a block and one a transaction', async () => {
    const cost = await metered(() => store.write('block', partsFrom(1, 500)));
    expect(cost).toMatchObject({ statements: 5, rowsWritten: 2 * 500 + 3 + 1 });
  });

  test('none when the same is written again', async () => {
    await store.write('block', partsFrom(1, 500));
    expect((await metered(() => store.write('block', partsFrom(1, 500)))).rowsWritten).toBe(0);
  });

  test('a further part of a trace costs two rows more than a new one, at most', async () => {
    await store.write('block', partsFrom(1, 100));
    const cost = await metered(() => store.write('late', partsFrom(1, 100, 2)));
    expect(cost.rowsWritten).toBeLessThanOrEqual(4 * 100 + 4);
    expect(cost.rowsWritten).toBeGreaterThan(100);
    const mixed = await metered(() => store.write('mixed', [...partsFrom(1, 50, 3), ...partsFrom(901, 50)]));
    expect(mixed.rowsWritten).toBeLessThanOrEqual(4 * 50 + 2 * 50 + 5);
  });

  test('one a trace that expires and three its block; a hold is one', async () => {
    await store.write('block', partsFrom(1, 500));
    const cost = await metered(() => store.expire(expiryAt(8)));
    expect(cost.rowsWritten).toBe(500 + 3);
    expect(await find(store, EVERYTHING)).toEqual([]);
    expect((await metered(() => store.hold(traceIdOf(1), 1))).rowsWritten).toBe(1);
  });

  test('a rewritten block costs a row for each trace that stays, in the trace alone', async () => {
    await store.write('block', partsFrom(1, 500));
    for (let n = 1; n <= 100; n++) await store.hold(traceIdOf(n), 1_000_000_000_000);
    const cost = await metered(() => store.expire(expiryAt(8)));
    expect(cost.rowsWritten).toBeLessThanOrEqual(400 + 100 + 8);
    expect(await find(store, EVERYTHING)).toHaveLength(100);
  });

  test('two for each version of a row of statistics', async () => {
    const rows = Array.from({ length: 10 }, (_, i) => ({
      shard: `${i}`,
      minuteMs: 60_000,
      version: 1,
      data: new Uint8Array(9),
    }));
    expect((await metered(() => store.writeStatistics(rows))).rowsWritten).toBe(20);
    expect((await metered(() => store.writeStatistics(rows))).rowsWritten).toBe(0);
  });

  test('the same when the rows take several statements', async () => {
    const names = Array.from({ length: 100 }, (_, i) => [`${i} ${'x'.repeat(300)}`, 'GET /'] as const);
    const parts = Array.from({ length: 200 }, (_, i) => makePart({ traceId: traceIdOf(i + 1), operations: names }));
    const cost = await metered(() => store.write('block', parts));
    expect(cost.statements).toBeGreaterThan(10);
    // One a statement that writes traces: each is a transaction.
    expect(cost.rowsWritten).toBe(2 * 200 + 3 + cost.statements / 5);
    expect(await find(store, EVERYTHING)).toHaveLength(200);
  });
});

test('a trace of 20 spans in 5 services takes less than a quarter page of the database', async () => {
  await clearBindings();
  await find(createD1R2Store(bindings), EVERYTHING);
  const databaseBytes = async () => (await db.prepare('SELECT 1').all()).meta.size_after;
  const empty = await databaseBytes();
  const operations = Array.from({ length: 20 }, (_, i) => [`service-${i >> 2}`, `GET /route/${i}`] as const);
  const parts = Array.from({ length: 2_000 }, (_, i) =>
    makePart({ traceId: traceIdOf(i + 1), startUs: 1_760_000_000_000_000 + i, operations }),
  );
  await store.write('blocks/hot/2025-10-09/00-0000000001', parts);
  expect(((await databaseBytes()) - empty) / parts.length).toBeLessThan(1_024);
});

describe('a search over 10,000 traces', () => {
  const queries: StoreSearch[] = [
    { ...EVERYTHING, limit: 20 },
    { ...EVERYTHING, limit: 20, after: { startUs: 6_000, durationUs: 10, traceId: traceIdOf(5_000) } },
    { ...EVERYTHING, startUs: 2_000, endUs: 9_000, limit: 20, minDurationUs: 1, status: 'ok' },
  ];

  test('walks the primary key, sorts nothing, and reads no more than it must', async () => {
    await clearBindings();
    await find(createD1R2Store(bindings), EVERYTHING);
    for (let block = 0; block < 10; block++) await store.write(`block-${block}`, partsFrom(1 + block * 1_000, 1_000));
    const { results } = await db
      .prepare(`EXPLAIN QUERY PLAN ${WALK}`)
      .bind(2_000, 9_000, 'g', 20)
      .all<{ detail: string }>();
    expect(results.map((row) => row.detail)).toEqual(['SEARCH traces USING PRIMARY KEY (start_us>? AND start_us<?)']);
    for (let more = true; more; ) more = (await store.index(0)).hasMore;
    for (const query of queries) {
      expect((await metered(() => find(store, query))).rowsRead).toBeLessThanOrEqual(3 * query.limit);
    }
    expect((await find(store, queries[1]!))[0]!.traceId).toBe(traceIdOf(4_999));
  });

  test('finds one trace by its index', async () => {
    const { results } = await db
      .prepare('EXPLAIN QUERY PLAN SELECT * FROM traces WHERE trace_id = ?1')
      .bind(traceIdOf(7))
      .all<{ detail: string }>();
    expect(results.map((row) => row.detail)).toEqual(['SEARCH traces USING INDEX traces_by_id (trace_id=?)']);
    expect((await store.get(traceIdOf(7)))!.summary.traceId).toBe(traceIdOf(7));
  });
});

describe('a day of statistics', () => {
  const rowsOf = (shards: number) =>
    Array.from({ length: 144 * shards }, (_, i): StatisticsRow => {
      const minute = 1_440 + Math.floor(i / shards) * 10;
      const base = { service: 'shop', name: 'GET /', kind: 2, durationUs: 5, isError: false, caller: null };
      const data = encodeMinute(rowOf(minute, [{ ...base, shard: 's', minute }]));
      return { shard: `shard-${i % shards}`, minuteMs: minute * 60_000, version: 1, data };
    });

  test.each([1, 4])('of %i shards is rolled up to one row, and read with 144 stamps', async (shards) => {
    await clearBindings();
    const fresh = createD1R2Store(bindings);
    await fresh.writeStatistics(rowsOf(shards));
    await rollUpStatistics(fresh, 3 * DAY_MS, 1_000);
    await store.readStatistics(0, 1);
    const cost = await metered(async () => {
      const pieces = [];
      for await (const piece of readPieces(store, { fromMs: DAY_MS, toMs: 2 * DAY_MS, grain: 'service' }))
        pieces.push(piece);
      expect(pieces).toMatchObject([{ row: { cells: [{ spans: 144 * shards }] } }]);
    });
    expect(cost.statements).toBe(1);
    expect(cost.rowsRead).toBeLessThanOrEqual(1 + 144 + 1);
  });
});

test('statistics of before there were roll-ups are rolled up too', async () => {
  await clearBindings();
  await migrate(db, MIGRATIONS.slice(0, MIGRATIONS.indexOf(rollUps)));
  const base = { shard: 's', service: 'shop', name: 'GET /', kind: 2, durationUs: 5, isError: false, caller: null };
  const data = encodeMinute(rowOf(1_441, [{ ...base, minute: 1_441 }]));
  await db
    .prepare("INSERT INTO statistics VALUES (?1, 's', 1, ?2)")
    .bind(1_441 * 60_000, data)
    .run();
  const fresh = createD1R2Store(bindings);
  expect(await rollUpStatistics(fresh, 3 * DAY_MS, 10)).toBe(3);
  expect(await fresh.readRollUps(DAY_MS, 0, 3 * DAY_MS, 'operation')).toMatchObject([{ startMs: DAY_MS }]);
});
