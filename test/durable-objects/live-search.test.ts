/** Search over what a shard has in memory: the same as what searches mean, in short steps, along lists that are frozen. */

import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { FrozenLists } from '../../durable-objects/frozen-lists.ts';
import type { Journal } from '../../durable-objects/journal.ts';
import { searchLive } from '../../durable-objects/search.ts';
import { STEP_COST, Steps } from '../../durable-objects/steps.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import type { TraceSearch } from '../../model/query/conditions.ts';
import { matchesSpans } from '../../model/query/matches-search.ts';
import { parseQuery } from '../../model/query/parse-query.ts';
import type { SortKey } from '../../store/store.ts';
import { pickSeed, seededRandom } from '../kit/random.ts';
import { frame, TEST_START_US, TEST_TABLE, type TestSpan, traceId } from '../kit/spans.ts';

const HOUR_MS = 3_600_000;
let shards = 0;
let lists = 0;

/** A shard that no other test uses. */
function freshShard() {
  return env.TRACE_SHARD.getByName(`search-${shards++}`);
}
type Stub = ReturnType<typeof freshShard>;

async function append(shard: Stub, spans: readonly TestSpan[]): Promise<void> {
  expect(await shard.append(frame(spans), TEST_TABLE)).toBe(true);
}

function asked(line = '', limit = 1_000): TraceSearch {
  return { ...parseQuery(line), startUs: 0, endUs: Number.MAX_SAFE_INTEGER, order: 'newest', limit };
}

const idsOf = (traces: readonly { readonly key: SortKey }[]) => traces.map(({ key }) => key.traceId);

/** Traces of ten spans each, all of them live. */
async function fill(shard: Stub, traces: number): Promise<void> {
  for (let first = 0; first < traces; first += 200) {
    const spans = Array.from({ length: Math.min(200, traces - first) * 10 }, (_, i): TestSpan => {
      const trace = first + Math.floor(i / 10);
      const id = (i % 10) + 1;
      // Without a root that has ended they are not complete, and no test runs the alarm.
      return { traceId: traceId(trace), id: trace * 10 + id, parent: 1, startUs: TEST_START_US + trace };
    });
    await append(shard, spans);
  }
}

describe('with 50,000 live spans', () => {
  it('searches in steps, and looks at no more than a step allows in each', async () => {
    const shard = freshShard();
    await fill(shard, 5_000);
    await runInDurableObject(shard, async (instance: TraceShard) => {
      const { journal } = instance as unknown as { journal: Journal };
      for (const [line, count] of [
        ['', 5_000],
        ['service=shop', 5_000],
        ['test.id=40009', 1],
        ['test.id>=49991', 1],
        ['root.test.id=*', 5_000],
        ['test.id=7 service=nobody', 0],
      ] as const) {
        let turns = 0;
        const turn = async () => {
          turns++;
          await new Promise((resolve) => setTimeout(resolve, 0));
        };
        const steps = new Steps({ turn, isLate: () => false });
        const { found, cutAt } = await searchLive(journal, asked(line), steps);
        expect([line, found.length, cutAt]).toEqual([line, count, null]);
        // A trace and a row of the log at most beyond what a step may take.
        expect(steps.largestCost).toBeLessThan(STEP_COST + 1_500_000);
        expect(steps.count).toBe(turns + 1);
        if (line !== '' && count !== 0) expect(turns).toBeGreaterThan(2);
      }
    });
  });

  it('lets appends in between', async () => {
    const shard = freshShard();
    await fill(shard, 5_000);
    const done: string[] = [];
    const searched = shard.search(asked('test.id=40009'), ++lists).then(() => done.push('search'));
    const added = append(shard, [{ traceId: traceId(77_777), id: 1, parent: 9 }]).then(() => done.push('append'));
    await Promise.all([searched, added]);
    expect(done).toEqual(['append', 'search']);
  });

  it('says how far it got when it has done what it may', async () => {
    const shard = freshShard();
    await fill(shard, 5_000);
    await runInDurableObject(shard, async (instance: TraceShard) => {
      const { journal } = instance as unknown as { journal: Journal };
      const turn = async () => {};
      for (const order of ['newest', 'slowest'] as const) {
        const steps = new Steps({ turn, isLate: () => false }, 40_000_000);
        const { found, cutAt } = await searchLive(journal, { ...asked('test.id=*'), order }, steps);
        expect(found.length).toBeGreaterThan(100);
        expect(found.length).toBeLessThan(4_900);
        expect(cutAt).not.toBeNull();
      }
      const late = new Steps({ turn, isLate: () => true });
      const { cutAt } = await searchLive(journal, asked('service=shop'), late);
      expect(cutAt?.startUs).toBe(Number.MAX_SAFE_INTEGER);
    });
  });
});

it('finds what the traces’ decoded spans say', async () => {
  const seed = pickSeed(undefined);
  const random = seededRandom(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const shard = freshShard();
  const ids = Array.from({ length: 60 }, (_, i) => traceId(100_000 + i));
  for (let i = 0; i < 120; i++) {
    const id = pick(ids);
    const spans = Array.from({ length: 1 + Math.floor(random() * 4) }, (): TestSpan => {
      const parent = random() < 0.3 ? undefined : 99;
      return {
        traceId: id,
        // The same ones again and again: versions of one span.
        id: 1 + Math.floor(random() * 5),
        ...(parent === undefined ? {} : { parent }),
        service: pick(['web', 'shop', 'other']),
        name: pick(['GET', 'work', 'other']),
        startUs: TEST_START_US + Math.floor(random() * 3),
        durationUs: random() < 0.3 ? null : Math.floor(random() * 5),
        error: random() < 0.2,
      };
    });
    await append(shard, spans);
  }
  const lines = [
    '',
    'service=web',
    'service=other',
    'operation=work service=shop',
    'root.service=web',
    'root.operation=other',
    'root.service=web root.operation=GET',
    'test.id=3',
    'test.id>4',
    'root.test.id=2',
    'root.test.id=1 service=web',
    'resource.service.name=shop test.id!=1',
    'span.service.name=*',
    'status=error test.id=2',
    'duration>2us test.id=5',
  ];
  for (const line of lines) {
    const { traces, isEmpty, cutAt } = await shard.search(asked(line), ++lists);
    const expected: string[] = [];
    for (const id of ids) {
      const live = await shard.get(id, null);
      if (!live) continue;
      const spans = decodeSpans(mergeTrace(live.otlp), 'live');
      const startUs = Math.min(...spans.map((span) => span.startUs));
      const endUs = Math.max(...spans.map((span) => span.startUs + (span.durationUs ?? 0)));
      const { status, minDurationUs = 0 } = asked(line);
      const isError = spans.some((span) => span.status.code === 'error');
      if (status === 'error' && !isError) continue;
      if (endUs - startUs >= minDurationUs && matchesSpans(spans, asked(line))) expected.push(id);
    }
    expect([seed, line, idsOf(traces).sort()]).toEqual([seed, line, expected.sort()]);
    expect([isEmpty, cutAt]).toEqual([expected.length === 0, null]);
  }
});

describe('a list', () => {
  const root = (id: string, startUs: number, more: Partial<TestSpan> = {}): TestSpan => {
    return { traceId: id, id: 1, startUs: TEST_START_US + startUs, ...more };
  };

  it('is gone along as it was made, however its traces change', async () => {
    const shard = freshShard();
    const ids = Array.from({ length: 9 }, (_, i) => traceId(200_000 + i));
    for (const [i, id] of ids.entries()) await append(shard, [root(id, i * 10, { parent: 7 })]);
    const list = ++lists;
    const first = await shard.search(asked('', 3), list);
    expect(idsOf(first.traces)).toEqual(ids.slice(6).reverse());
    expect([first.isEmpty, first.reached]).toEqual([false, first.traces.at(-1)!.key]);
    // One moves before the page that was seen, one behind the last one; another is new.
    await append(shard, [root(ids[2]!, 1_000, { id: 2, parent: 7, durationUs: 5_000 })]);
    await append(shard, [root(ids[8]!, -1_000, { id: 2, parent: 7 })]);
    await append(shard, [root(traceId(200_100), 15, { parent: 7 })]);
    const second = await shard.searchOn(list, first.reached!, 4);
    expect(idsOf(second!.traces)).toEqual(ids.slice(2, 6).reverse());
    expect(second!.traces.at(-1)).toMatchObject({ key: { startUs: TEST_START_US + 20 }, summary: { spanCount: 2 } });
    const third = await shard.searchOn(list, second!.reached!, 4);
    expect(idsOf(third!.traces)).toEqual(ids.slice(0, 2).reverse());
    expect(third!.reached).toBeNull();
    expect(await shard.areListed(list, [ids[8]!, traceId(200_100), ids[0]!], true)).toEqual([true, false, true]);
  });

  it('leaves out what was dropped or erased since, and says what has left for the store', async () => {
    const shard = freshShard();
    const [dropped, kept, erased, live] = [traceId(1, false), traceId(2), traceId(3), traceId(4)];
    await append(shard, [
      root(dropped, 1),
      root(kept, 2),
      root(erased, 3, { parent: 7 }),
      root(live, 4, { parent: 7 }),
    ]);
    const list = ++lists;
    expect((await shard.search(asked(), list)).traces).toHaveLength(4);
    await runDurableObjectAlarm(shard);
    await shard.erase(erased);
    const page = await shard.searchOn(list, { startUs: Number.MAX_SAFE_INTEGER, durationUs: 0, traceId: '' }, 10);
    expect(page!.traces.map(({ key, summary }) => [key.traceId, summary?.state ?? null])).toEqual([
      [live, 'live'],
      [kept, null],
    ]);
  });

  it('outlives a restart once a cursor leads to it, and only then', async () => {
    const shard = freshShard();
    const ids = Array.from({ length: 3 }, (_, i) => traceId(300_000 + i));
    for (const [i, id] of ids.entries()) await append(shard, [root(id, i, { parent: 7 })]);
    const [kept, given, unasked] = [++lists, ++lists, ++lists];
    for (const list of [kept, given, unasked]) await shard.search(asked('', 1), list);
    expect(await shard.areListed(kept, [], true)).toEqual([]);
    expect(await shard.areListed(given, [ids[0]!], false)).toEqual([true]);
    expect(await shard.areListed(given, [], false)).toBeNull();
    await abortAllDurableObjects();
    const again = env.TRACE_SHARD.get(shard.id);
    const after = { startUs: TEST_START_US + 2, durationUs: 1_000, traceId: ids[2]! };
    expect(idsOf((await again.searchOn(kept, after, 5))!.traces)).toEqual([ids[1], ids[0]]);
    expect(await again.searchOn(unasked, after, 5)).toBeNull();
  });

  it('is given up after an hour, or when there are too many', async () => {
    const shard = freshShard();
    await runInDurableObject(shard, async (_: TraceShard, { storage }) => {
      const made = new FrozenLists(storage.sql);
      const list = { madeMs: 0, order: 'newest', cutAt: null, entries: new Uint8Array(32 * 1_000) } as const;
      made.add(1, list);
      made.persist(1, list, 0);
      expect(made.get(1, HOUR_MS)).not.toBeNull();
      expect(made.get(1, HOUR_MS + 1)).toBeNull();
      expect(new FrozenLists(storage.sql).get(1, HOUR_MS)).toEqual(list);
      expect(new FrozenLists(storage.sql).get(1, HOUR_MS + 1)).toBeNull();
      for (let id = 2; id < 400; id++) made.add(id, { ...list, madeMs: HOUR_MS / 2 });
      // Out of memory, and read again.
      expect(made.get(2, HOUR_MS / 2)).toBeNull();
      expect(made.get(399, HOUR_MS / 2)).not.toBeNull();
      expect(made.get(1, HOUR_MS / 2)).toEqual(list);
      for (let id = 400; id < 480; id++) made.persist(id, { ...list, madeMs: HOUR_MS + id }, HOUR_MS + id);
      const { rows } = storage.sql.exec<{ rows: number }>('SELECT count(*) AS rows FROM found').one();
      expect(rows).toBe(64);
    });
  });
});
