import { beforeEach, expect, test } from 'vitest';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { MIGRATIONS, migrate } from '../../store/migrations/migrate.ts';
import { EVERYTHING, makePart, traceIdOf } from '../contract/parts.ts';
import { bindings, clearBindings, db } from './bindings.ts';
import { wrapBindings } from './wrapped-bindings.ts';

const applied = async () => (await db.prepare('SELECT id FROM migrations ORDER BY id').all()).results;

const NEXT = MIGRATIONS.length + 1;

beforeEach(clearBindings);

test('ids are unique and ascending', () => {
  expect(MIGRATIONS.map(({ id }) => id)).toEqual(MIGRATIONS.map((_, i) => i + 1));
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
  await expect(store.search(EVERYTHING)).rejects.toMatchObject({ fault: 'unavailable' });
  isDown = false;
  expect(await store.search(EVERYTHING)).toEqual([]);
  expect(batches.filter((what) => what.startsWith('batch'))).toHaveLength(1 + MIGRATIONS.length);
  await store.search(EVERYTHING);
  expect(batches.filter((what) => what.startsWith('batch'))).toHaveLength(1 + MIGRATIONS.length);
});
