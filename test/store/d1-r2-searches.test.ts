import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { SEARCH_ORDERS } from '../../model/query/conditions.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { createMemoryStore } from '../../store/memory.ts';
import type { SortKey, Store, StoreSearch, TracePart } from '../../store/store.ts';
import { EVERYTHING, find, makePart, traceIdOf } from '../contract/parts.ts';
import { expiryAt, partOn } from '../contract/retention.ts';
import { bindings, clearBindings, db, emptyBindings } from './bindings.ts';
import { likelyConditions, orderlyTraces } from './segment/arbitrary-traces.ts';

/** When every hour and day of the tests is long over. */
const LATER_MS = 4_000_000_000_000;

async function indexAll(store: Store, nowMs = LATER_MS): Promise<void> {
  for (let hasMore = true; hasMore; ) ({ hasMore } = await store.index(nowMs));
}

const facts = fc.record({
  startUs: fc.integer({ min: 1, max: 30 }),
  durationUs: fc.integer({ min: 0, max: 30 }),
  status: fc.constantFrom('ok' as const, 'error' as const),
});
const search = fc.record({
  conditions: fc.oneof(fc.constant({ attributes: [] }), likelyConditions),
  order: fc.constantFrom(...SEARCH_ORDERS),
  limit: fc.integer({ min: 1, max: 5 }),
  startUs: fc.constantFrom(0, 0, 10),
  endUs: fc.constantFrom(25, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
});
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ write: orderlyTraces, facts: fc.array(facts, { minLength: 12, maxLength: 12 }) }),
  },
  { weight: 2, arbitrary: fc.record({ index: fc.constantFrom(0, LATER_MS) }) },
  { weight: 1, arbitrary: fc.record({ erase: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ begin: search }) },
  { weight: 4, arbitrary: fc.record({ page: fc.nat() }) },
);

/** A search that is under way in two stores. */
interface Session {
  readonly search: StoreSearch;
  readonly places: { after: SortKey | null; snapshot: string | null }[];
  isOver: boolean;
}

/** Both stores answer a session's next page alike. */
async function turnPage(stores: readonly Store[], session: Session): Promise<void> {
  if (session.isOver) return;
  const pages = await Promise.all(
    stores.map((store, i) => {
      const { after, snapshot } = session.places[i]!;
      return store.search({ ...session.search, ...(after && { after }), ...(snapshot !== null && { snapshot }) });
    }),
  );
  const [found, expected] = pages;
  expect(found!.traces).toEqual(expected!.traces);
  expect(found!.reached).toEqual(expected!.reached);
  session.isOver = expected!.reached === null;
  for (const [i, { reached, snapshot }] of pages.entries()) session.places[i] = { after: reached, snapshot };
}

test('property: pages over what there was are those of the reference, whatever is written, indexed and erased meanwhile', {
  timeout: 120_000,
}, async () => {
  await clearBindings();
  await find(createD1R2Store(bindings), EVERYTHING);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await emptyBindings(bindings);
      const stores = [createD1R2Store(bindings), createMemoryStore()];
      const sessions: Session[] = [];
      for (const [i, each] of steps.entries()) {
        if ('write' in each) {
          const parts = each.write.map((trace, n) => ({
            ...makePart({
              traceId: trace.traceId,
              ...each.facts[n]!,
              revision: i + 1,
              covers: i % 2 ? 'part' : 'whole',
            }),
            otlp: trace.otlp,
          }));
          for (const store of stores) await store.write(`block-${i}`, parts as TracePart[]);
        } else if ('index' in each) await stores[0]!.index(each.index);
        else if ('erase' in each) for (const store of stores) await store.erase(traceIdOf(each.erase), 1);
        else if ('begin' in each) {
          const { conditions, ...rest } = each.begin;
          const places = stores.map(() => ({ after: null, snapshot: null }));
          sessions.push({ search: { ...EVERYTHING, ...conditions, ...rest }, places, isOver: false });
          await turnPage(stores, sessions.at(-1)!);
        } else if (sessions.length > 0) await turnPage(stores, sessions[each.page % sessions.length]!);
      }
      for (const session of sessions) {
        const [count, expected] = await Promise.all(stores.map((store) => store.count(session.search)));
        if (count!.exact) expect(count).toEqual(expected);
        while (!session.isOver) await turnPage(stores, session);
      }
    }),
    { numRuns: 30 },
  );
});

describe('segments', () => {
  const segmentKeys = async () => (await bindings.bucket.list({ prefix: 'segments/' })).objects.map(({ key }) => key);
  const service = { ...EVERYTHING, service: 'shop' };

  beforeAll(async () => {
    await clearBindings();
    await find(createD1R2Store(bindings), EVERYTHING);
  });

  test('cover blocks, become one, and answer what the blocks did', async () => {
    await emptyBindings(bindings);
    const store = createD1R2Store(bindings);
    const parts = Array.from({ length: 12 }, (_, i) => makePart({ traceId: traceIdOf(i + 1), startUs: 1_000 + i }));
    for (const [i, part] of parts.entries()) {
      await store.write(`block-${i}`, [part]);
      await store.index(0);
    }
    // Of an hour that is not over they are merged once there are eight.
    expect(await segmentKeys()).toHaveLength(12);
    await indexAll(store, 0);
    expect((await segmentKeys()).length).toBeLessThan(12);
    await indexAll(store);
    expect(await segmentKeys()).toHaveLength(1);
    expect(await find(store, service)).toEqual(parts.map((part) => part.summary).toReversed());
    expect(await store.count(service)).toEqual({ count: 12, exact: true });
    const grid = { startsUs: [1_000, 1_005], durationsUs: [0, 10, 11] };
    expect(await store.tally(service, grid)).toEqual({
      counts: [
        [0, 5, 0],
        [0, 7, 0],
      ],
      exact: true,
    });
    expect((await db.prepare('SELECT * FROM garbage').all()).results).toEqual([]);
  });

  test('lose what was erased and what has expired, values and all', async () => {
    await emptyBindings(bindings);
    const store = createD1R2Store(bindings);
    const secret = `secret-${crypto.randomUUID()}`;
    const [gone, stays] = [1, 2].map((n) =>
      partOn(0, { traceId: traceIdOf(n), operations: [[`of-${n}`, secret + n]] }),
    );
    await store.write('block', [gone!, stays!]);
    await indexAll(store);
    const holds = async (text: string) => {
      const [key] = await segmentKeys();
      const found = await find(store, { ...EVERYTHING, operation: text });
      return { isKey: key !== undefined, found: found.length };
    };
    expect(await holds(`${secret}1`)).toEqual({ isKey: true, found: 1 });
    const before = await segmentKeys();
    await store.erase(traceIdOf(1), 1);
    // Not found from the first step on, gone with the next step of the index.
    expect(await holds(`${secret}1`)).toEqual({ isKey: true, found: 0 });
    expect((await store.count({ ...EVERYTHING, operation: `${secret}1` })).exact).toBe(false);
    await indexAll(store);
    expect(await segmentKeys()).not.toEqual(before);
    expect(await store.count({ ...EVERYTHING, operation: `${secret}1` })).toEqual({ count: 0, exact: true });
    expect(await holds(`${secret}2`)).toEqual({ isKey: true, found: 1 });
    await store.expire(expiryAt(400));
    await indexAll(store);
    expect(await segmentKeys()).toEqual([]);
    expect((await db.prepare('SELECT * FROM segments').all()).results).toEqual([]);
  });

  test.each(['lost', 'damaged'])('that are %s are given up, and what they covered is covered anew', async (fault) => {
    await emptyBindings(bindings);
    const store = createD1R2Store(bindings);
    const parts = [1, 2, 3].map((n) => makePart({ traceId: traceIdOf(n), startUs: 1_000 + n }));
    await store.write('block', parts);
    await indexAll(store);
    const [key] = await segmentKeys();
    if (fault === 'lost') await bindings.bucket.delete(key!);
    else await bindings.bucket.put(key!, new Uint8Array(300));
    expect(await find(store, service)).toHaveLength(3);
    await indexAll(store);
    expect(await segmentKeys()).toHaveLength(1);
    expect(await find(store, service)).toHaveLength(3);
  });

  test('made by several at the same time are made once', async () => {
    await emptyBindings(bindings);
    const stores = [1, 2, 3].map(() => createD1R2Store(bindings));
    for (let i = 1; i <= 20; i++) {
      await stores[0]!.write(`block-${i}`, [makePart({ traceId: traceIdOf(i), startUs: 1_000 + i })]);
      if (i % 5 === 0) await Promise.all(stores.map((store) => store.index(0)));
      expect(await find(stores[i % 3]!, service)).toHaveLength(i);
    }
    await Promise.all(stores.map((store) => indexAll(store)));
    const named = (await db.prepare('SELECT segment_key FROM segments').all<{ segment_key: string }>()).results;
    expect(await segmentKeys()).toEqual(named.map((row) => row.segment_key).sort());
    expect(await stores[0]!.count(service)).toEqual({ count: 20, exact: true });
  });

  test('a search that is over says how far it got, and goes on from there', async () => {
    await emptyBindings(bindings);
    const store = createD1R2Store(bindings);
    for (let i = 1; i <= 8; i++) {
      await store.write(`block-${i}`, [makePart({ traceId: traceIdOf(i), startUs: 1_000 * i })]);
      await store.index(0);
    }
    const seen: string[] = [];
    let page = await store.search({ ...service, isOver: () => true });
    for (let pages = 1; pages < 50; pages++) {
      seen.push(...page.traces.map(({ key }) => key.traceId));
      if (page.reached === null) break;
      expect(page.isCut).toBe(true);
      page = await store.search({ ...service, after: page.reached, snapshot: page.snapshot, isOver: () => true });
    }
    expect(seen).toEqual([8, 7, 6, 5, 4, 3, 2, 1].map(traceIdOf));
  });

  test('a snapshot of long ago, or of other databases, has expired', async () => {
    const store = createD1R2Store(bindings);
    const { snapshot } = await store.search(service);
    const [atS, seq] = snapshot.split('.').map(Number);
    for (const other of [`${atS! - 3_601}.${seq}`, `${snapshot}.1`, 'x']) {
      await expect(store.search({ ...service, snapshot: other })).rejects.toMatchObject({ fault: 'snapshot_expired' });
    }
  });
});
