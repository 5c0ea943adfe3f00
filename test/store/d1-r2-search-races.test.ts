/** Searches and steps of the index while others write, and over what is damaged. */

import { beforeEach, describe, expect, test } from 'vitest';
import { parseQuery } from '../../model/query/parse-query.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import type { Store, StoreSearch } from '../../store/store.ts';
import { EVERYTHING, find, makePart, traceIdOf } from '../contract/parts.ts';
import { expiryAt } from '../contract/retention.ts';
import { bindings, clearBindings, db, ringBindings } from './bindings.ts';
import { wrapBindings } from './wrapped-bindings.ts';

const { bucket } = bindings;
const store = createD1R2Store(bindings);
const service = { ...EVERYTHING, service: 'shop' };
const [a, b, c] = [1, 2, 3].map(traceIdOf) as [string, string, string];

/** A store on which something happens once, behind the first call that is meant. */
function interrupted(isMeant: (what: string) => boolean, act: () => Promise<unknown>): Store {
  let isDone = false;
  return createD1R2Store(
    wrapBindings(bindings, async (call, what) => {
      const result = await call();
      if (isDone || !isMeant(what)) return result;
      isDone = true;
      await act();
      return result;
    }),
  );
}

async function indexAll(nowMs = 0): Promise<void> {
  for (let hasMore = true; hasMore; ) ({ hasMore } = await store.index(nowMs));
}

async function idsOfPages(first: Store, search: StoreSearch): Promise<{ ids: string[]; startsUs: number[] }> {
  const ids: string[] = [];
  const startsUs: number[] = [];
  let page = await first.search(search);
  while (true) {
    ids.push(...page.traces.map(({ key }) => key.traceId));
    startsUs.push(...page.traces.map(({ key }) => key.startUs));
    if (page.reached === null) return { ids, startsUs };
    page = await store.search({ ...search, after: page.reached, snapshot: page.snapshot });
  }
}

beforeEach(async () => {
  await clearBindings();
  await find(createD1R2Store(bindings), EVERYTHING);
});

test('as many tests of a filter as there can be are one statement that the database takes', async () => {
  const fresh = createD1R2Store(bindings);
  await fresh.write('block', [makePart({ traceId: a })]);
  expect(await find(fresh, { ...EVERYTHING, ...parseQuery('a=1 b=2 c=3 d=4') })).toEqual([]);
});

describe('a part that comes while a page is made', () => {
  const isRead = (what: string) => what.startsWith('batch: SELECT value');

  test.each([
    ['walks along rows', EVERYTHING, false],
    ['asks blocks', service, false],
    ['asks segments', service, true],
  ])('leaves the trace where it stood: %s', async (_, conditions, isIndexed) => {
    const fresh = createD1R2Store(bindings);
    const parts = [a, b, c].map((traceId, i) => makePart({ traceId, startUs: 1_000 - 100 * i }));
    await fresh.write('block', parts);
    if (isIndexed) await indexAll();
    for (const limit of [1, 2, 3]) {
      for (const order of ['newest', 'slowest'] as const) {
        const late = makePart({
          traceId: a,
          startUs: 1_000 - 300 * limit,
          durationUs: 500 + limit * 700 + (order === 'slowest' ? 100 : 0),
          revision: limit * 2 + (order === 'slowest' ? 1 : 0) + 1,
        });
        const expected = await idsOfPages(fresh, { ...conditions, order, limit });
        const meanwhile = interrupted(isRead, () => fresh.write(`late-${limit}-${order}`, [late]));
        expect(await idsOfPages(meanwhile, { ...conditions, order, limit })).toEqual(expected);
      }
    }
  });
});

test('a block that is indexed between two transactions of its write is indexed once more', async () => {
  const fresh = createD1R2Store(bindings);
  await fresh.write('block', [makePart({ traceId: a, startUs: 1_000 })]);
  const late = makePart({ traceId: a, startUs: 900, revision: 2, operations: [['stock', 'late']] });
  const isFirst = (what: string) => what.includes('INSERT INTO traces');
  const meanwhile = interrupted(isFirst, () => indexAll());
  await meanwhile.write('late', [late, makePart({ traceId: b, startUs: 1_100 })]);
  await indexAll();
  const { results } = await db.prepare('SELECT block_key FROM blocks WHERE is_covered = 0').all();
  expect(results).toEqual([]);
  expect((await find(fresh, { ...EVERYTHING, service: 'stock' })).map(({ traceId }) => traceId)).toEqual([a]);
  expect((await find(fresh, service)).map(({ traceId }) => traceId)).toEqual([b, a]);
  const count = await fresh.count(service);
  if (count.exact) expect(count.count).toBe(2);
});

test('a trace that is damaged does not keep the others of its block from being found', async () => {
  const fresh = createD1R2Store(bindings);
  await fresh.write(
    'block',
    [a, b, c].map((traceId) => makePart({ traceId })),
  );
  const place = await db.prepare('SELECT parts FROM traces WHERE trace_id = ?1').bind(a).first<string>('parts');
  const [[, offset, length]] = JSON.parse(place!) as [[string, number, number]];
  const bytes = new Uint8Array(await (await bucket.get('block'))!.arrayBuffer());
  bytes.fill(0x55, offset + length - 10, offset + length);
  await bucket.put('block', bytes);
  await indexAll();
  expect((await find(fresh, service)).map(({ traceId }) => traceId)).toEqual([c, b]);
});

test('a trace whose other part is damaged is not found, and the others are', async () => {
  const fresh = createD1R2Store(bindings);
  await fresh.write('first', [makePart({ traceId: a })]);
  await indexAll();
  await bucket.delete('first');
  await fresh.write('late', [makePart({ traceId: a, revision: 2 }), makePart({ traceId: b })]);
  expect((await find(fresh, service)).map(({ traceId }) => traceId)).toEqual([b]);
  await indexAll();
  expect((await find(fresh, service)).map(({ traceId }) => traceId)).toEqual([b]);
});

test('a late part that begins behind the range is asked, if the trace began in it', async () => {
  const fresh = createD1R2Store(bindings);
  await fresh.write('first', [makePart({ traceId: a, startUs: 1_000 })]);
  await indexAll();
  const operations = [['stock', 'late']] as const;
  await fresh.write('late', [makePart({ traceId: a, startUs: 2_000, covers: 'part', revision: 2, operations })]);
  const search = { ...EVERYTHING, service: 'stock', startUs: 900, endUs: 1_500 };
  expect(await find(fresh, search)).toHaveLength(1);
  await indexAll();
  expect(await find(fresh, search)).toHaveLength(1);
});

test('a step of the index takes only as many late parts as an invocation has calls for', async () => {
  const fresh = createD1R2Store(bindings);
  const ids = Array.from({ length: 150 }, (_, i) => traceIdOf(i + 1));
  await fresh.write(
    'first',
    ids.map((traceId) => makePart({ traceId })),
  );
  await indexAll();
  for (const revision of [2, 3]) {
    await fresh.write(
      `late-${revision}`,
      ids.map((traceId) => makePart({ traceId, revision })),
    );
  }
  let calls = 0;
  const counted = createD1R2Store(
    wrapBindings(bindings, (call) => {
      calls++;
      return call();
    }),
  );
  expect((await counted.index(0)).blocks).toBe(1);
  expect(calls).toBeLessThan(1_000);
  expect((await counted.index(0)).blocks).toBe(1);
});

test('a segment that is lost or damaged does not stop merges', async () => {
  const fresh = createD1R2Store(bindings);
  const LATER_MS = 4_000_000_000_000;
  for (const [i, traceId] of [a, b, c].entries()) {
    await fresh.write(`block-${i}`, [makePart({ traceId, startUs: 1_000 + i })]);
    await indexAll();
  }
  const { objects } = await bucket.list({ prefix: 'segments/' });
  expect(objects).toHaveLength(3);
  await bucket.delete(objects[0]!.key);
  await bucket.put(objects[1]!.key, new Uint8Array(300));
  await indexAll(LATER_MS);
  expect((await bucket.list({ prefix: 'segments/' })).objects).toHaveLength(1);
  expect((await find(fresh, service)).map(({ traceId }) => traceId)).toEqual([c, b, a]);
});

test('a count knows that traces are in two segments after one was given up', async () => {
  const fresh = createD1R2Store(bindings);
  for (const [i, traceId] of [a, b].entries()) {
    await fresh.write(`block-${i}`, [
      makePart({ traceId, startUs: 1_000 }),
      makePart({ traceId: c.slice(0, -1) + (i + 5), startUs: 2_000 }),
    ]);
    await indexAll();
  }
  const { objects } = await bucket.list({ prefix: 'segments/' });
  await bucket.delete(objects[0]!.key);
  await find(fresh, service);
  for (let i = 0; i < 3; i++) {
    const { count, exact } = await fresh.count(service);
    if (exact) expect(count).toBe(4);
    await store.index(0);
  }
});

test('what is known of changes goes within some steps, however much there was', async () => {
  const fresh = createD1R2Store(bindings);
  await db
    .prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO changes SELECT i, 'x' || i, 'gone', 1, 1, 1, 'ok' FROM n`,
    )
    .run();
  await fresh.expire(expiryAt(1));
  expect(await db.prepare('SELECT count(*) AS n FROM changes').first('n')).toBe(0);
});

test.each(['newest', 'slowest'] as const)('a trace of two databases is on one page, the %s first', async (order) => {
  const ring = createD1R2Store(ringBindings(1));
  const dayUs = 86_400_000_000;
  await ring.write('first', [makePart({ traceId: a, startUs: 1_000 })]);
  await ring.write('late', [
    makePart({ traceId: a, startUs: dayUs + 1_000, durationUs: 30, covers: 'part', revision: 2 }),
    makePart({ traceId: b, startUs: dayUs - 5_000, durationUs: 20, decidedUs: dayUs + 5 }),
  ]);
  const ids: string[] = [];
  for (let after = {}, isEnd = false; !isEnd; ) {
    const page = await ring.search({ ...EVERYTHING, order, limit: 1, ...after });
    ids.push(...page.traces.map(({ key }) => key.traceId));
    isEnd = page.reached === null;
    after = { after: page.reached, snapshot: page.snapshot };
  }
  expect(ids).toEqual([b, a]);
});
