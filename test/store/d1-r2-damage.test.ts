import { beforeEach, describe, expect, test } from 'vitest';
import { createD1R2Store } from '../../store/d1-r2.ts';
import type { StoreFault } from '../../store/errors.ts';
import { EVERYTHING, find, makePart, traceIdOf } from '../contract/parts.ts';
import { DAY_MS, expiryAt } from '../contract/retention.ts';
import { bindings, clearBindings, db } from './bindings.ts';

const { bucket } = bindings;
const store = createD1R2Store(bindings);
const [a, b] = [traceIdOf(1), traceIdOf(2)];
const parts = [a, b].map((traceId) => makePart({ traceId }));

beforeEach(async () => {
  await clearBindings();
  await createD1R2Store(bindings).write('block', parts);
});

const blockBytes = async () => new Uint8Array(await (await bucket.get('block'))!.arrayBuffer());
const set = (column: string, value: unknown) =>
  db.prepare(`UPDATE traces SET ${column} = ?1 WHERE trace_id = ?2`).bind(value, a).run();

describe('damaged blocks are named, never read', () => {
  const corrupt = { name: 'StoreError', fault: 'block_corrupt' satisfies StoreFault, key: 'block' };

  test('gone', async () => {
    await bucket.delete('block');
    const missing = { name: 'StoreError', fault: 'block_missing' satisfies StoreFault, key: 'block' };
    await expect(store.get(a)).rejects.toMatchObject(missing);
    expect(await find(store, EVERYTHING)).toHaveLength(2);
  });

  test('cut: before the entry, within it, and where the next begins', async () => {
    const whole = await blockBytes();
    for (const length of [0, 5, 30, 60]) {
      await bucket.put('block', whole.slice(0, length));
      await expect(store.get(a)).rejects.toMatchObject(corrupt);
    }
  });

  test('overwritten', async () => {
    const block = await blockBytes();
    block.fill(0x55, 50, 60);
    await bucket.put('block', block);
    await expect(store.get(a)).rejects.toMatchObject(corrupt);
    expect((await store.get(b))!.otlp).toEqual(parts[1]!.otlp);
  });

  test('a row that points to the entry of another trace', async () => {
    const other = await db.prepare('SELECT parts FROM traces WHERE trace_id = ?1').bind(b).first<string>('parts');
    await set('parts', other);
    await expect(store.get(a)).rejects.toThrow(`${b} where ${a} should be`);
  });

  test('a key that holds something that is no block, when it is written again', async () => {
    await bucket.put('block', 'hello');
    await expect(store.write('block', parts)).rejects.toMatchObject(corrupt);
  });
});

describe('damaged rows are named, never answered', () => {
  const rowCorrupt = { name: 'StoreError', fault: 'row_corrupt' satisfies StoreFault, key: a };

  test.each([
    ['summary', ''],
    ['summary', '{}'],
    ['summary', '[]'],
    ['summary', '[1,"GET /",1,0,[],"kept",null,[true,0,0]]'],
    ['summary', '["shop","GET /",1,0,[],"gone",null,[true,0,0]]'],
    ['summary', '["shop","GET /",1,0,[["shop",1]],"kept",null,[true,0,0]]'],
    ['summary', '["shop","GET /",1,0,[],"kept",[true],[true,0,0]]'],
    ['summary', '["shop","GET /",-1,0,[],"kept",null,[true,0,0]]'],
    ['status', 'fine'],
  ])('%s %j', async (column, value) => {
    await set(column, value);
    await expect(store.get(a)).rejects.toMatchObject(rowCorrupt);
    await expect(find(store, EVERYTHING)).rejects.toMatchObject(rowCorrupt);
    expect((await store.get(b))!.summary).toEqual(parts[1]!.summary);
  });

  test.each(['', '[]', '{}', '[["block",-1,5,1]]', '[["block",1,5]]', '[["block",1.5,5,1]]', '[[1,1,5,1]]'])(
    'parts %j',
    async (value) => {
      await set('parts', value);
      await expect(store.get(a)).rejects.toMatchObject(rowCorrupt);
      await expect(store.write('late', [makePart({ traceId: a, revision: 2 })])).rejects.toMatchObject(rowCorrupt);
    },
  );

  test('a table that is not there', async () => {
    await db.exec('DROP TABLE traces');
    await expect(store.get(a)).rejects.toMatchObject({ name: 'StoreError', fault: 'unavailable', key: a });
    await expect(find(store, EVERYTHING)).rejects.toMatchObject({ name: 'StoreError', fault: 'unavailable' });
  });
});

describe('expiry goes on around what is damaged', () => {
  const other = traceIdOf(9);
  const late = makePart({ traceId: other, startUs: 2_000 });

  beforeEach(() => createD1R2Store(bindings).write('other', [late]));

  test('rows of a block that is gone go when they are due, and stay while one is held', async () => {
    await bucket.delete('block');
    await store.hold(a, 30 * DAY_MS);
    expect(await store.expire(expiryAt(8))).toMatchObject({
      intended: { blocks: 1, traces: 2 },
      actual: { blocks: 1, traces: 1 },
      failedBlocks: ['block'],
    });
    expect((await find(store, EVERYTHING)).map(({ traceId }) => traceId).sort()).toEqual([a, b]);
    expect(await store.expire(expiryAt(8.5))).toMatchObject({ failedBlocks: [], hasMore: false });
    await store.hold(a, null);
    expect(await store.expire(expiryAt(9))).toMatchObject({ actual: { traces: 2 }, failedBlocks: [] });
    expect(await find(store, EVERYTHING)).toEqual([]);
  });

  test('a damaged row is named and tried again a day later; the next block goes', async () => {
    await set('summary', '{}');
    const report = await store.expire(expiryAt(8));
    expect(report).toMatchObject({ failedBlocks: ['block'], actual: { blocks: 1, traces: 1 } });
    expect(await store.get(other)).toBeNull();
    expect((await store.expire(expiryAt(8.9))).failedBlocks).toEqual([]);
    expect((await store.expire(expiryAt(9.1))).failedBlocks).toEqual(['block']);
  });

  test('an erasure from a damaged block fails, is not found again, and ends with the block', async () => {
    await bucket.put('block', 'hello');
    await expect(store.erase(a, DAY_MS)).rejects.toMatchObject({ fault: 'block_corrupt', key: 'block' });
    expect(await store.get(a)).toBeNull();
    await store.expire(expiryAt(2));
    await store.expire(expiryAt(8));
    await store.expire(expiryAt(9));
    expect((await bucket.list()).objects).toEqual([]);
    expect((await db.prepare("SELECT * FROM erased WHERE parts <> '[]'").all()).results).toEqual([]);
  });
});
