import { beforeEach, describe, expect, test } from 'vitest';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { type BlockColumns, selectBlocks } from '../../store/d1-find-blocks.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { MIGRATIONS, migrate } from '../../store/migrations/migrate.ts';
import { serviceTerm } from '../../store/term.ts';
import { EVERYTHING, find, makePart, traceIdOf } from '../contract/parts.ts';
import { DAY_MS, expiryAt } from '../contract/retention.ts';
import { bindings, clearBindings, db } from './bindings.ts';
import { BLOCKS_V1, OBJECTS_V1, SUMMARIES_V1, TRACES_V1 } from './fixtures/database-v1.ts';
import { wrapBindings } from './wrapped-bindings.ts';

const applied = async () => (await db.prepare('SELECT id FROM migrations ORDER BY id').all()).results;

const NEXT = MIGRATIONS.at(-1)!.id + 1;

beforeEach(clearBindings);

test('ids are unique and ascending', () => {
  const ids = MIGRATIONS.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
});

test('racing isolates apply each step once', async () => {
  const step = {
    id: NEXT,
    name: 'counter',
    statements: ['CREATE TABLE counter (n INTEGER)', 'INSERT INTO counter VALUES (1)'],
  };
  await Promise.all(Array.from({ length: 10 }, () => migrate(db, [...MIGRATIONS, step])));
  await migrate(db, [...MIGRATIONS, step]);
  expect(await applied()).toEqual([...MIGRATIONS.map(({ id }) => ({ id })), { id: NEXT }]);
  expect((await db.prepare('SELECT n FROM counter').all()).results).toEqual([{ n: 1 }]);
});

test('a step that fails leaves nothing behind and is tried again', async () => {
  const broken = { id: NEXT, name: 'broken', statements: ['CREATE TABLE half (n INTEGER)', 'CREATE TABLE nonsense'] };
  await expect(migrate(db, [...MIGRATIONS, broken])).rejects.toThrow();
  expect(await applied()).toEqual(MIGRATIONS.map(({ id }) => ({ id })));
  await migrate(db, [...MIGRATIONS, { ...broken, statements: broken.statements.slice(0, 1) }]);
  expect(await applied()).toEqual([...MIGRATIONS.map(({ id }) => ({ id })), { id: NEXT }]);
  expect((await db.prepare('SELECT n FROM half').all()).results).toEqual([]);
});

test('a newer schema than this code knows is left alone', async () => {
  await migrate(db, [...MIGRATIONS, { id: NEXT, name: 'newer', statements: [] }]);
  await createD1R2Store(bindings).write('block', [makePart({ traceId: traceIdOf(1) })]);
  expect(await applied()).toEqual([...MIGRATIONS.map(({ id }) => ({ id })), { id: NEXT }]);
});

test('a store whose first use failed migrates at the next, and once only', async () => {
  let isDown = true;
  const batches: string[] = [];
  const store = createD1R2Store(
    wrapBindings(bindings, async (call, what) => {
      if (isDown) throw new Error('D1 is down');
      batches.push(what);
      return call();
    }),
  );
  await expect(store.get(traceIdOf(1))).rejects.toMatchObject({ fault: 'unavailable' });
  isDown = false;
  expect(await store.get(traceIdOf(1))).toBeNull();
  expect(batches.filter((what) => what.startsWith('batch'))).toHaveLength(1 + MIGRATIONS.length);
  await store.get(traceIdOf(1));
  expect(batches.filter((what) => what.startsWith('batch'))).toHaveLength(1 + MIGRATIONS.length);
});

describe('a database from before there were classes', () => {
  const ids = [1, 2].map(traceIdOf);

  beforeEach(async () => {
    await migrate(db, MIGRATIONS.slice(0, 1));
    for (const [table, rows] of Object.entries({ traces: TRACES_V1, blocks: BLOCKS_V1 })) {
      for (const row of rows) {
        const marks = Object.keys(row).map((_, i) => `?${i + 1}`);
        const sql = `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${marks.join()})`;
        await db
          .prepare(sql)
          .bind(...Object.values(row))
          .run();
      }
    }
    for (const [key, hex] of Object.entries(OBJECTS_V1)) await bindings.bucket.put(key, Buffer.from(hex, 'hex'));
  });

  test('is read as it was', async () => {
    const store = createD1R2Store(bindings);
    expect(await find(store, EVERYTHING)).toEqual(SUMMARIES_V1.toReversed());
    for (const [i, traceId] of ids.entries()) {
      const { summary, otlp } = (await store.get(traceId))!;
      expect(summary).toEqual(SUMMARIES_V1[i]);
      expect(decodeSpans(otlp, 'kept')).toHaveLength(summary.spanCount);
    }
    const [first] = BLOCKS_V1;
    const { results } = await selectBlocks(db, EVERYTHING, [[serviceTerm('nobody')]]).all<BlockColumns>();
    expect(results.map((row) => row.block_key)).toContain(first!.block_key);
  });

  test('takes late parts and repeated writes', async () => {
    const store = createD1R2Store(bindings);
    await store.write('late', [makePart({ traceId: ids[0]!, revision: 3, covers: 'part', retention: 'cold' })]);
    const repeated = [makePart({ traceId: ids[1]!, startUs: 1_767_312_000_100_000, status: 'error' })];
    await expect(store.write(BLOCKS_V1[0]!.block_key, repeated)).rejects.toMatchObject({ fault: 'block_conflict' });
    const { summary, otlp } = (await store.get(ids[0]!))!;
    expect(summary).toMatchObject({ spanCount: 4, decision: { retention: 'cold' } });
    expect(decodeSpans(otlp, 'kept')).toHaveLength(4);
  });

  test('is hot: expires, is held and erased like any other', async () => {
    const store = createD1R2Store(bindings);
    const startDay = SUMMARIES_V1[0]!.startUs / 1_000 / DAY_MS;
    await store.expire(expiryAt(startDay + 6.9));
    expect(await find(store, EVERYTHING)).toHaveLength(2);
    await store.hold(ids[0]!, (startDay + 20) * DAY_MS);
    await store.expire(expiryAt(startDay + 8));
    expect((await find(store, EVERYTHING)).map(({ traceId }) => traceId)).toEqual([ids[0]]);
    expect((await store.get(ids[0]!))!.summary).toEqual(SUMMARIES_V1[0]);
    await store.erase(ids[0]!, (startDay + 8) * DAY_MS);
    await store.expire(expiryAt(startDay + 21));
    expect((await bindings.bucket.list()).objects).toEqual([]);
  });
});
