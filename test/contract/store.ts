import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toCompleteness } from '../../model/completeness.ts';
import { MAX_NAME_CHARS } from '../../model/limits.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { SEARCH_ORDERS } from '../../model/query/conditions.ts';
import { compareFound } from '../../model/query/search-order.ts';
import { MAX_SERVICES_PER_SUMMARY } from '../../store/bounds.ts';
import type { SortKey, Store, StoreSearch, TracePart } from '../../store/store.ts';
import { EVERYTHING, find, makePart, traceIdOf } from './parts.ts';

/** What every store must do. `createStore` gives an empty one each time it is called. */
export function storeContract(name: string, createStore: () => Promise<Store>): void {
  const [a, b, c] = [traceIdOf(1), traceIdOf(2), traceIdOf(3)];

  describe(`${name} store`, () => {
    test('all should work when empty', async () => {
      const store = await createStore();
      expect(await store.get(a)).toBeNull();
      expect(await find(store, EVERYTHING)).toEqual([]);
      expect(await find(store, { ...EVERYTHING, service: 'shop', operation: 'GET /', status: 'error' })).toEqual([]);
      await store.write('empty', []);
      expect(await find(store, EVERYTHING)).toEqual([]);
    });

    test('a trace is read back as it was written', async () => {
      const store = await createStore();
      const parts = [makePart({ traceId: a }), makePart({ traceId: b, status: 'error', startUs: 2_000 })];
      await store.write('block', parts);
      for (const part of parts) {
        expect(await store.get(part.traceId)).toEqual({ summary: part.summary, otlp: part.otlp });
      }
      expect(await store.get(c)).toBeNull();
      expect(await find(store, EVERYTHING)).toEqual([parts[1]!.summary, parts[0]!.summary]);
    });

    test('a trace is unchanged until a part comes, its summary changes or it goes', async () => {
      const store = await createStore();
      expect(await store.getSince(a, null)).toBeNull();
      expect(await store.getSince(a, '0'.repeat(32))).toBeNull();
      const first = makePart({ traceId: a });
      await store.write('block', [first, makePart({ traceId: b })]);
      const seen: string[] = [];
      /** What there is, in a version that was not seen before. */
      const next = async () => {
        const found = await store.getSince(a, seen.at(-1) ?? null);
        if (found === null || found === 'unchanged') throw new Error(`found ${found}`);
        const { version, ...stored } = found;
        expect(version).toMatch(/^[0-9a-f]{32}$/);
        expect(seen).not.toContain(version);
        expect(stored).toEqual(await store.get(a));
        seen.push(version);
        expect(await store.getSince(a, version)).toBe('unchanged');
      };
      await next();
      await store.write('block', [makePart({ traceId: b }), first]);
      await store.write('other', [makePart({ traceId: b, revision: 2, covers: 'part' })]);
      await store.hold(a, 1);
      expect(await store.getSince(a, seen[0]!)).toBe('unchanged');
      await store.write('late', [makePart({ traceId: a, revision: 2, covers: 'part', startUs: 1_500 })]);
      await next();
      await store.write('whole', [makePart({ traceId: a, revision: 3, durationUs: 77 })]);
      await next();
      await store.erase(a, 1);
      expect(await store.getSince(a, seen.at(-1)!)).toBeNull();
    });

    test('a thousand traces in one write', async () => {
      const store = await createStore();
      const parts = Array.from({ length: 1_000 }, (_, i) =>
        makePart({ traceId: traceIdOf(i + 1), startUs: 5_000 + i }),
      );
      await store.write('block', parts);
      expect(await find(store, EVERYTHING)).toEqual(parts.map((part) => part.summary).reverse());
      expect((await store.get(traceIdOf(777)))!.otlp).toEqual(parts[776]!.otlp);
    });

    test('a trace without decision, services or bytes is one too', async () => {
      const store = await createStore();
      const part = makePart({ traceId: a });
      const summary = { ...part.summary, decision: null, services: [], state: 'live' as const };
      await store.write('block', [{ ...part, summary, otlp: new Uint8Array(0) }]);
      expect(await store.get(a)).toEqual({ summary, otlp: new Uint8Array(0) });
      expect(await find(store, { ...EVERYTHING, operation: '' })).toEqual([]);
      expect(await find(store, { ...EVERYTHING, service: '' })).toEqual([]);
    });

    test('the same write again changes nothing', async () => {
      const store = await createStore();
      const first = [makePart({ traceId: a }), makePart({ traceId: b })];
      const late = [makePart({ traceId: a, revision: 2, covers: 'part', startUs: 1_500 })];
      await store.write('first', first);
      await store.write('late', late);
      const before = [await store.get(a), await store.get(b), await find(store, EVERYTHING)];
      await store.write('first', first);
      await store.write('late', late);
      await store.write('first', first.toReversed());
      expect([await store.get(a), await store.get(b), await find(store, EVERYTHING)]).toEqual(before);
    });

    test('other traces under a key that is taken are refused and change nothing', async () => {
      const store = await createStore();
      const part = makePart({ traceId: a });
      await store.write('block', [part]);
      const fault = { name: 'StoreError', fault: 'block_conflict', key: 'block' };
      await expect(store.write('block', [part, makePart({ traceId: b })])).rejects.toMatchObject(fault);
      await expect(store.write('block', [makePart({ traceId: c })])).rejects.toMatchObject(fault);
      await expect(store.write('block', [{ ...part, otlp: new Uint8Array([1]) }])).rejects.toMatchObject(fault);
      expect(await find(store, EVERYTHING)).toEqual([part.summary]);
      expect((await store.get(a))!.otlp).toEqual(part.otlp);
    });

    test('numbers that are no integers and summaries of other traces are refused', async () => {
      const store = await createStore();
      const part = makePart({ traceId: a });
      for (const bad of [
        { ...part, revision: 1.5 },
        { ...part, summary: { ...part.summary, startUs: Number.NaN } },
        { ...part, summary: { ...part.summary, durationUs: 0.25 } },
        { ...part, summary: { ...part.summary, traceId: b } },
      ]) {
        await expect(store.write('block', [bad])).rejects.toBeInstanceOf(RangeError);
      }
      expect(await find(store, EVERYTHING)).toEqual([]);
    });

    test('the bytes of later parts follow, and the highest whole summary stands, in any order of writing', async () => {
      const parts = [1, 2, 3].map((revision) => makePart({ traceId: a, revision, durationUs: 100 * revision }));
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
      ]) {
        const store = await createStore();
        for (const i of order) await store.write(`block-${i}`, [parts[i]!]);
        const trace = (await store.get(a))!;
        expect(trace.summary).toEqual(parts[2]!.summary);
        expect(decodeSpans(trace.otlp, 'kept')).toHaveLength(3);
        expect(Buffer.concat(parts.map((part) => part.otlp)).equals(trace.otlp)).toBe(true);
        expect(await find(store, EVERYTHING)).toEqual([parts[2]!.summary]);
      }
    });

    test('only a higher revision replaces a summary, whatever kind of part had the last one', async () => {
      const store = await createStore();
      const first = makePart({ traceId: a, revision: 5 });
      await store.write('first', [first]);
      await store.write('equal', [makePart({ traceId: a, revision: 5, durationUs: 70 })]);
      expect((await store.get(a))!.summary).toEqual(first.summary);
      await store.write('late', [makePart({ traceId: a, revision: 8, covers: 'part' })]);
      await store.write('early', [makePart({ traceId: a, revision: 2, covers: 'part' })]);
      await store.write('between', [makePart({ traceId: a, revision: 7, durationUs: 70 })]);
      expect((await store.get(a))!.summary).toMatchObject({ spanCount: 3, durationUs: 10 });
      const last = makePart({ traceId: a, revision: 9, durationUs: 90 });
      await store.write('last', [last]);
      expect((await store.get(a))!.summary).toEqual(last.summary);
      expect(decodeSpans((await store.get(a))!.otlp, 'kept')).toHaveLength(6);
    });

    test('a part is added to what is there', async () => {
      const store = await createStore();
      const whole = makePart({ traceId: a, startUs: 1_000, durationUs: 50, decidedUs: 1_100 });
      const late = makePart({
        traceId: a,
        revision: 7,
        covers: 'part',
        startUs: 900,
        durationUs: 400,
        status: 'error',
        rootEnded: false,
        missingParents: 1,
        decidedUs: 9_000,
        operations: [
          ['stock', 'reserve'],
          ['shop', 'late'],
        ],
      });
      await store.write('first', [whole]);
      await store.write('late', [late]);
      const { summary } = (await store.get(a))!;
      expect(summary).toEqual({
        ...whole.summary,
        startUs: 900,
        durationUs: 400,
        spanCount: 3,
        errorCount: 2,
        status: 'error',
        services: [
          { name: 'shop', spanCount: 2, errorCount: 1 },
          { name: 'stock', spanCount: 1, errorCount: 1 },
        ],
        completeness: toCompleteness({ rootEnded: true, missingParents: 1, openSpans: 0 }),
      });
      expect(await find(store, { ...EVERYTHING, service: 'stock', operation: 'reserve' })).toEqual([summary]);
      expect(await find(store, { ...EVERYTHING, service: 'shop', operation: 'GET /' })).toEqual([summary]);
      expect(await find(store, { ...EVERYTHING, startUs: 1_000 })).toEqual([]);
    });

    test('the class of a trace is the longest of any of its parts, in any order', async () => {
      const words = { traceId: a, decidedUs: 1_100 } as const;
      const parts = [
        makePart(words),
        makePart({ ...words, revision: 2, covers: 'part', retention: 'warm' }),
        makePart({ ...words, revision: 3, covers: 'whole', retention: 'hot' }),
      ];
      for (const order of [
        [0, 1, 2],
        [0, 2, 1],
        [2, 1, 0],
        [1, 0, 2],
      ]) {
        const store = await createStore();
        for (const i of order) await store.write(`block-${i}`, [parts[i]!]);
        expect((await store.get(a))!.summary.decision).toEqual({ ...parts[1]!.summary.decision!, decidedUs: 1_100 });
        expect((await find(store, EVERYTHING))[0]).toEqual((await store.get(a))!.summary);
      }
    });

    test('a part without anything before it is a trace, and the part with the root names it', async () => {
      const store = await createStore();
      const headless = { traceId: a, covers: 'part', rootEnded: false, startUs: 100 } as const;
      await store.write('headless', [makePart({ ...headless, operations: [['stock', 'reserve']] })]);
      expect((await store.get(a))!.summary.rootService).toBe('stock');
      const rooted = { traceId: a, covers: 'part', revision: 2, startUs: 200 } as const;
      await store.write('rooted', [makePart({ ...rooted, operations: [['shop', 'GET /']] })]);
      expect((await store.get(a))!.summary).toMatchObject({
        rootService: 'shop',
        rootOperation: 'GET /',
        startUs: 100,
      });
    });

    test('several parts of a trace in one write', async () => {
      const store = await createStore();
      const whole = makePart({ traceId: a, revision: 1, durationUs: 5 });
      const late = makePart({
        traceId: a,
        revision: 2,
        covers: 'part',
        durationUs: 90,
        operations: [['stock', 'late']],
      });
      await store.write('block', [late, makePart({ traceId: b }), whole]);
      await store.write('block', [late, makePart({ traceId: b }), whole]);
      const trace = (await store.get(a))!;
      expect(trace.summary).toMatchObject({ spanCount: 2, durationUs: 90, rootService: 'shop' });
      expect(Buffer.concat([whole.otlp, late.otlp]).equals(trace.otlp)).toBe(true);
      expect(await find(store, { ...EVERYTHING, service: 'stock' })).toEqual([trace.summary]);
    });

    test('writers of one trace at the same time all count', async () => {
      const store = await createStore();
      await Promise.all(
        [1, 2, 3, 4, 5].map((i) =>
          store.write(`block-${i}`, [
            makePart({ traceId: a, revision: i, covers: 'part' }),
            makePart({ traceId: traceIdOf(100 + i) }),
          ]),
        ),
      );
      expect((await store.get(a))!.summary.spanCount).toBe(5);
      expect(decodeSpans((await store.get(a))!.otlp, 'kept')).toHaveLength(5);
      expect(await find(store, EVERYTHING)).toHaveLength(6);
    });

    test('bounds of time and duration are inclusive', async () => {
      const store = await createStore();
      const { summary, ...part } = makePart({ traceId: a, startUs: 1_000, durationUs: 50 });
      await store.write('block', [{ ...part, summary }]);
      const hits: Partial<StoreSearch>[] = [
        { startUs: 1_000, endUs: 1_000 },
        { minDurationUs: 50 },
        { maxDurationUs: 50 },
        { minDurationUs: 50, maxDurationUs: 50 },
      ];
      const misses: Partial<StoreSearch>[] = [
        { startUs: 1_001 },
        { endUs: 999 },
        { minDurationUs: 51 },
        { maxDurationUs: 49 },
        { startUs: 2_000, endUs: 1_000 },
      ];
      for (const query of hits) expect(await find(store, { ...EVERYTHING, ...query })).toEqual([summary]);
      for (const query of misses) expect(await find(store, { ...EVERYTHING, ...query })).toEqual([]);
    });

    test('service and operation are of one span, any span of the trace', async () => {
      const store = await createStore();
      const operations = [
        ['shop', 'GET /'],
        ['stock', 'reserve'],
      ] as const;
      await store.write('block', [makePart({ traceId: a, operations })]);
      const count = async (query: Partial<StoreSearch>) => (await find(store, { ...EVERYTHING, ...query })).length;
      expect(await count({ service: 'stock' })).toBe(1);
      expect(await count({ operation: 'reserve' })).toBe(1);
      expect(await count({ service: 'stock', operation: 'reserve' })).toBe(1);
      expect(await count({ service: 'shop', operation: 'reserve' })).toBe(0);
      expect(await count({ service: 'sto' })).toBe(0);
      expect(await count({ service: 'Stock' })).toBe(0);
      expect(await count({ operation: 'GET ' })).toBe(0);
      expect(await count({ operation: 'ET /' })).toBe(0);
      expect(await count({ service: '' })).toBe(0);
      expect(await count({ operation: '' })).toBe(0);
    });

    test('no name can pass for another one', async () => {
      const nasty = [
        '',
        ' ',
        '\n',
        '\t',
        '\r',
        '\0',
        '\\',
        '\\n',
        'a\tb',
        'a\nb\t',
        '\ta\n',
        "'; --",
        '%',
        '_',
        'é',
        '🦦',
      ];
      const store = await createStore();
      // A resource that names no service is of `unknown_service`.
      const services = nasty.map((name) => name || 'none');
      const parts = services.flatMap((service, i) =>
        nasty.map((operation, j) =>
          makePart({ traceId: traceIdOf(1 + i * nasty.length + j), operations: [[service, operation]] }),
        ),
      );
      await store.write('block', parts);
      // Some three hundred searches, each of which would read all of the block's terms.
      for (let hasMore = true; hasMore; ) ({ hasMore } = await store.index(0));
      for (const name of nasty)
        expect(await find(store, { ...EVERYTHING, operation: name })).toHaveLength(nasty.length);
      for (const service of services) {
        expect(await find(store, { ...EVERYTHING, service })).toHaveLength(nasty.length);
        for (const operation of nasty) {
          const [found, ...more] = await find(store, { ...EVERYTHING, service, operation });
          expect(found).toMatchObject({ rootService: service, rootOperation: operation });
          expect(more).toEqual([]);
        }
      }
    });

    test('a trace with more names than a row holds keeps what fits, and is found by any of them', async () => {
      const store = await createStore();
      const operations = Array.from({ length: 300 }, (_, i) => [`service-${i}`, '界'.repeat(5_000)] as const);
      await store.write('block', [makePart({ traceId: a, operations })]);
      const more = operations.map(([service, name]) => [`late-${service}`, name] as const);
      await store.write('late', [makePart({ traceId: a, covers: 'part', revision: 2, operations: more })]);
      const { summary, otlp } = (await store.get(a))!;
      expect(summary.spanCount).toBe(600);
      expect(summary.services).toHaveLength(MAX_SERVICES_PER_SUMMARY);
      expect(summary.rootOperation).toBe('界'.repeat(MAX_NAME_CHARS));
      expect(decodeSpans(otlp, 'kept')).toHaveLength(600);
      for (const [service, operation] of [operations[0]!, operations[299]!, more[0]!, more[299]!]) {
        expect(await find(store, { ...EVERYTHING, service, operation })).toEqual([summary]);
      }
    });

    test('pages cover everything once, newest first, ties by trace id', async () => {
      const store = await createStore();
      const parts = Array.from({ length: 50 }, (_, i) =>
        makePart({ traceId: traceIdOf(1 + ((i * 17) % 50)), startUs: 1_000 + Math.floor(i / 7) }),
      );
      await store.write('block', parts);
      const expected = parts.map((part) => part.summary).sort(newestFirst);
      for (const limit of [1, 3, 7, 50, 60]) {
        const seen = [];
        for (let after: SortKey | undefined, pages = 0; pages <= 60; pages++) {
          const page = await find(store, { ...EVERYTHING, limit, ...(after && { after }) });
          seen.push(...page);
          if (page.length < limit) break;
          after = page.at(-1)!;
        }
        expect(seen).toEqual(expected);
      }
    });

    test('property: a search finds what a look at every trace finds', async () => {
      const names = ['shop', 'stock', 'pay'];
      const word = fc.constantFrom(...names);
      const partWords = fc.record({
        startUs: fc.integer({ min: 1, max: 30 }),
        durationUs: fc.integer({ min: 0, max: 30 }),
        status: fc.constantFrom('ok' as const, 'error' as const),
        operations: fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 3 }),
      });
      const query = fc.record(
        {
          startUs: fc.integer({ min: 0, max: 30 }),
          endUs: fc.integer({ min: 0, max: 30 }),
          limit: fc.integer({ min: 1, max: 40 }),
          service: word,
          operation: word,
          minDurationUs: fc.integer({ min: 0, max: 30 }),
          maxDurationUs: fc.integer({ min: 0, max: 30 }),
          status: fc.constantFrom('ok' as const, 'error' as const),
          order: fc.constantFrom(...SEARCH_ORDERS),
          after: fc.record({
            startUs: fc.integer({ min: 0, max: 30 }),
            durationUs: fc.integer({ min: 0, max: 30 }),
            traceId: fc.nat(40).map(traceIdOf),
          }),
        },
        { requiredKeys: ['startUs', 'endUs', 'limit', 'order'] },
      );
      const runs = fc.tuple(fc.array(partWords, { minLength: 30, maxLength: 40 }), fc.array(query, { minLength: 20 }));
      await fc.assert(
        fc.asyncProperty(runs, async ([words, queries]) => {
          const store = await createStore();
          const parts = words.map((each, i) => makePart({ ...each, traceId: traceIdOf(i + 1) }));
          await store.write('block', parts);
          for (const each of queries) {
            const search = { ...EVERYTHING, ...each };
            const expected = parts
              .filter((part, i) => matches(part, words[i]!.operations, search))
              .map((part) => part.summary)
              .sort((a, b) => compareFound(each.order, a, b));
            const page = await store.search(search);
            expect(page.traces.map((found) => found.summary)).toEqual(expected.slice(0, each.limit));
            if (expected.length > each.limit)
              expect(page.reached).toMatchObject({ traceId: expected[each.limit - 1]!.traceId });
            else expect(page.reached).toBeNull();
          }
        }),
        { numRuns: 10 },
      );
    });
  });
}

/** The definition of a search, condition by condition. */
function matches(
  { summary }: TracePart,
  operations: readonly (readonly [string, string])[],
  query: StoreSearch,
): boolean {
  return [
    summary.startUs >= query.startUs && summary.startUs <= query.endUs,
    !query.after || compareFound(query.order, query.after, summary) < 0,
    query.minDurationUs === undefined || summary.durationUs >= query.minDurationUs,
    query.maxDurationUs === undefined || summary.durationUs <= query.maxDurationUs,
    query.status === undefined || summary.status === query.status,
    operations.some(
      ([service, operation]) =>
        (query.service === undefined || query.service === service) &&
        (query.operation === undefined || query.operation === operation),
    ),
  ].every(Boolean);
}

function newestFirst(a: SortKey, b: SortKey): number {
  return b.startUs - a.startUs || (a.traceId < b.traceId ? 1 : -1);
}
