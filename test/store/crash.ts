/** Every call that a store makes fails once, before or after it takes effect; then the same again completes what it was for. */

import { beforeAll, describe, expect, test } from 'vitest';
import { createD1R2Store, type D1R2Bindings } from '../../store/d1-r2.ts';
import { createMemoryStore } from '../../store/memory.ts';
import { readIndex } from '../../store/r2-sections.ts';
import type { Store } from '../../store/store.ts';
import { EVERYTHING, find, traceIdOf } from '../contract/parts.ts';
import { DAY_MS, expiryAt, partOn } from '../contract/retention.ts';
import { clearBindings, emptyBindings } from './bindings.ts';
import { type Around, wrapBindings } from './wrapped-bindings.ts';

/** What was stored before, and the call that is cut off at every step it takes. */
interface Story {
  readonly prepare: (store: Store) => Promise<void>;
  readonly call: (store: Store) => Promise<unknown>;
}

const [a, b, c, d] = [traceIdOf(1), traceIdOf(2), traceIdOf(3), traceIdOf(4)];
const late = { covers: 'part', revision: 2 } as const;
/** Not so long before everything is cleared up that the tombstones are gone. */
const ERASED_MS = 99 * DAY_MS;

/** Three traces in a block, two of them with a part in another one. */
async function writeTwoBlocks(store: Store): Promise<void> {
  await store.write(
    'first',
    [a, b, c].map((traceId) => partOn(0, { traceId })),
  );
  await store.write('second', [
    partOn(1, { ...late, traceId: a, retention: 'warm' }),
    partOn(1, { ...late, traceId: b, retention: 'warm' }),
    partOn(1, { traceId: d, retention: 'warm' }),
  ]);
}

async function indexAll(store: Store): Promise<void> {
  for (let hasMore = true; hasMore; ) ({ hasMore } = await store.index(500 * DAY_MS));
}

const stories = {
  'a write': { prepare: async () => {}, call: writeTwoBlocks },
  'a write of late parts': {
    prepare: (store) =>
      store.write(
        'first',
        [a, b, c].map((traceId) => partOn(0, { traceId })),
      ),
    call: writeTwoBlocks,
  },
  'a write with an erased trace': { prepare: (store) => store.erase(b, ERASED_MS), call: writeTwoBlocks },
  'an old write after an erasure': {
    prepare: async (store) => {
      await writeTwoBlocks(store);
      await store.erase(a, ERASED_MS);
    },
    call: writeTwoBlocks,
  },
  'an erasure': { prepare: writeTwoBlocks, call: (store) => store.erase(a, ERASED_MS) },
  'an erasure that empties a block': {
    prepare: (store) => store.write('alone', [partOn(0, { traceId: a })]),
    call: (store) => store.erase(a, ERASED_MS),
  },
  'a step of expiry that removes blocks': { prepare: writeTwoBlocks, call: (store) => store.expire(expiryAt(100)) },
  'a step of expiry that rewrites a block': { prepare: writeTwoBlocks, call: (store) => store.expire(expiryAt(8)) },
  'a step of expiry with a hold': {
    prepare: async (store) => {
      await writeTwoBlocks(store);
      await store.hold(d, 200 * DAY_MS);
    },
    call: (store) => store.expire(expiryAt(100)),
  },
  'a hold': { prepare: writeTwoBlocks, call: (store) => store.hold(a, 200 * DAY_MS) },
  'a hold taken back': {
    prepare: async (store) => {
      await writeTwoBlocks(store);
      await store.hold(c, 200 * DAY_MS);
      await store.expire(expiryAt(8));
    },
    call: (store) => store.hold(c, null),
  },
  'steps that index blocks': { prepare: writeTwoBlocks, call: indexAll },
  'steps that merge segments': {
    prepare: async (store) => {
      await store.write('first', [partOn(0, { traceId: a }), partOn(0, { traceId: b })]);
      await store.index(0);
      await store.write('second', [partOn(0, { traceId: c }), partOn(0, { traceId: d })]);
      await store.index(0);
    },
    call: indexAll,
  },
  'steps that take an erased trace out of the index': {
    prepare: async (store) => {
      await writeTwoBlocks(store);
      await indexAll(store);
      await store.erase(b, ERASED_MS);
    },
    call: indexAll,
  },
  statistics: {
    prepare: async () => {},
    call: (store) => store.writeStatistics([{ shard: 's', minuteMs: DAY_MS, version: 1, data: new Uint8Array([1]) }]),
  },
} satisfies Readonly<Record<string, Story>>;

export type StoryName = keyof typeof stories;
export const STORY_NAMES = Object.keys(stories) as StoryName[];

/** Hundreds of calls of D1 in each. */
const TIMEOUT_MS = 120_000;

/** What anybody can see of a store. */
async function answersOf(store: Store): Promise<unknown> {
  const traces = [];
  for (const traceId of [a, b, c, d]) traces.push(await store.get(traceId));
  const list = await find(store, EVERYTHING);
  const ofShop = await find(store, { ...EVERYTHING, service: 'shop' });
  return { traces, list, ofShop, statistics: await store.readStatistics(0, 400 * DAY_MS) };
}

/** Every object of the bucket is a block's, and every block's is there, without the erased; nothing waits to be cleared up. */
async function expectNothingLeftBehind({ databases, bucket }: D1R2Bindings): Promise<void> {
  const named = [];
  for (const db of databases) {
    const { results: blocks } = await db
      .prepare('SELECT block_key || suffix AS object_key, trace_count FROM blocks WHERE trace_count > 0')
      .all<{ object_key: string; trace_count: number }>();
    const { results: erased } = await db.prepare('SELECT * FROM erased').all<{ trace_id: string; parts: string }>();
    for (const { object_key, trace_count } of blocks) {
      const ids = [...(await readIndex(bucket, object_key)).keys()];
      expect(ids).toHaveLength(trace_count);
      for (const { trace_id } of erased) expect(ids).not.toContain(trace_id);
      named.push(object_key);
    }
    for (const { parts } of erased) expect(parts).toBe('[]');
    const { results: segments } = await db.prepare('SELECT segment_key FROM segments').all<{ segment_key: string }>();
    named.push(...segments.map((row) => row.segment_key));
    expect((await db.prepare('SELECT * FROM garbage').all()).results).toEqual([]);
  }
  const { objects } = await bucket.list();
  expect(objects.map(({ key }) => key)).toEqual(named.sort());
}

/** The n-th call fails, before or after it takes effect. `reached` is what it was, or null when there were not that many. */
async function failingAt(
  each: D1R2Bindings,
  n: number,
  when: 'before' | 'after',
): Promise<{ store: Store; reached: () => string | null }> {
  let calls = Number.NEGATIVE_INFINITY;
  let reached: string | null = null;
  const around: Around = async (call, what) => {
    if (calls++ !== n) return call();
    reached = what;
    if (when === 'after') await call();
    throw new Error(`lost ${when} call ${n}`);
  };
  const store = createD1R2Store(wrapBindings(each, around));
  // Calls count from where the schema is there.
  await find(store, EVERYTHING);
  calls = 0;
  return { store, reached: () => reached };
}

/** Nothing falls due, but what a crash left behind is cleared up. */
const clearUp = (store: Store) =>
  store.expire(expiryAt(501, { days: { hot: 900, warm: 900, cold: 900 }, statisticsDays: 900 }));

/** What `around` is told of a call that changes something. */
const WRITE = /^(put|delete)$|\b(INSERT|UPDATE|DELETE)\b/;

export function crashSuite(place: string, each: D1R2Bindings, names: readonly StoryName[]): void {
  describe(`whatever call fails, the same again completes it: ${place}`, { timeout: TIMEOUT_MS }, () => {
    beforeAll(async () => {
      await clearBindings();
      await find(createD1R2Store(each), EVERYTHING);
    });

    test.each(names)('%s', async (name) => {
      const { prepare, call } = stories[name];
      const reference = createMemoryStore();
      await prepare(reference);
      const old = await answersOf(reference);
      await call(reference);
      const expected = await answersOf(reference);
      /** What the n-th call was, or null when there were not that many. */
      const completesWithout = async (n: number, when: 'before' | 'after'): Promise<string | null> => {
        await emptyBindings(each);
        const store = createD1R2Store(each);
        await prepare(store);
        if (n === 0) expect(await answersOf(store)).toEqual(old);
        const { store: failing, reached } = await failingAt(each, n, when);
        await call(failing).catch(expectStoreError);
        const what = reached();
        if (what === null) return null;
        // Between the two, everything that is found can be read.
        for (const { traceId } of await find(store, EVERYTHING)) expect(await store.get(traceId)).not.toBeNull();
        await call(store);
        expect(await answersOf(store)).toEqual(expected);
        await clearUp(store);
        await expectNothingLeftBehind(each);
        expect(await answersOf(store)).toEqual(expected);
        return what;
      };
      for (let n = 0; ; n++) {
        const what = await completesWithout(n, 'before');
        if (what === null) break;
        // Before and after a read is the same.
        if (WRITE.test(what)) await completesWithout(n, 'after');
      }
    });

    test('a rewrite that was cut off leaves nothing when the next one is another', async () => {
      for (let n = 0; ; n++) {
        await emptyBindings(each);
        const store = createD1R2Store(each);
        await writeTwoBlocks(store);
        const { store: failing, reached } = await failingAt(each, n, 'before');
        await failing.expire(expiryAt(8)).catch(expectStoreError);
        if (reached() === null) break;
        await store.erase(b, ERASED_MS);
        await store.expire(expiryAt(8));
        await clearUp(store);
        await expectNothingLeftBehind(each);
        expect((await find(store, EVERYTHING)).map(({ traceId }) => traceId).sort()).toEqual([a, d]);
        expect(await store.get(a)).not.toBeNull();
      }
    });

    test('nothing is left behind for ever when nobody repeats the call', async () => {
      const { prepare, call } = stories['an erasure'];
      const reference = createMemoryStore();
      await prepare(reference);
      await call(reference);
      for (let n = 0; ; n++) {
        await emptyBindings(each);
        const store = createD1R2Store(each);
        await prepare(store);
        const { store: failing, reached } = await failingAt(each, n, 'before');
        await call(failing).catch(expectStoreError);
        if (reached() === null) break;
        // Before the tombstone is there, nothing happened at all.
        const isBuried = (await store.get(a)) === null;
        await clearUp(store);
        await expectNothingLeftBehind(each);
        if (isBuried) expect(await answersOf(store)).toEqual(await answersOf(reference));
      }
    });
  });
}

function expectStoreError(error: unknown): void {
  expect(error).toMatchObject({ name: 'StoreError', fault: 'unavailable' });
}
