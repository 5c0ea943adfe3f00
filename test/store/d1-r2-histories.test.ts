import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RETENTION_CLASSES } from '../../model/span.ts';
import { createD1R2Store, type D1R2Bindings } from '../../store/d1-r2.ts';
import { createMemoryStore } from '../../store/memory.ts';
import type { Store, TracePart } from '../../store/store.ts';
import { EVERYTHING, find, traceIdOf } from '../contract/parts.ts';
import { DAY_MS, expiryAt, partOn } from '../contract/retention.ts';
import { bindings, clearBindings, emptyBindings, ringBindings } from './bindings.ts';

const TRACES = 5;
const traceIds = Array.from({ length: TRACES }, (_, i) => traceIdOf(i + 1));

const trace = fc.constantFrom(...traceIds);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      traces: fc.uniqueArray(trace, { minLength: 1, maxLength: 4 }),
      retention: fc.constantFrom(undefined, ...RETENTION_CLASSES),
      status: fc.constantFrom('ok' as const, 'error' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('erase' as const), traceId: trace }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      traceId: trace,
      days: fc.option(fc.integer({ min: 1, max: 40 })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('expire' as const),
      maxBlocks: fc.integer({ min: 1, max: 4 }),
      dryRun: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 8 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Each> ? Each : never;

/** Short classes, so that all of them end within a history. */
const days = { hot: 3, warm: 9, cold: 20 };

/** Plays a history; what each step answered, and what can be seen after it. */
async function play(store: Store, steps: readonly Step[]): Promise<unknown[]> {
  const writes: { blockKey: string; parts: TracePart[] }[] = [];
  const seen: unknown[] = [];
  let day = 0;
  for (const each of steps) {
    let answer: unknown = null;
    if (each.do === 'wait') day += each.days;
    else if (each.do === 'write') {
      const parts = each.traces.map((traceId, i) => {
        // A summary starts where no other does, so that lists have one order; parts add up in any.
        const words = { traceId, covers: 'part', revision: writes.length + 1, status: each.status } as const;
        const startUs = 10_000 + writes.length * 10 + i;
        return partOn(day, { ...words, startUs, ...(each.retention && { retention: each.retention }) });
      });
      writes.push({ blockKey: `block-${writes.length}`, parts });
      await store.write(writes.at(-1)!.blockKey, parts);
    } else if (each.do === 'repeat') {
      const write = writes[each.which % Math.max(writes.length, 1)];
      if (write) await store.write(write.blockKey, write.parts);
    } else if (each.do === 'erase') await store.erase(each.traceId, day * DAY_MS);
    else if (each.do === 'hold') await store.hold(each.traceId, each.days === null ? null : (day + each.days) * DAY_MS);
    else {
      const { intended, actual, ...rest } = await store.expire(expiryAt(day, { ...each, days }));
      // Bytes are those of each store's own form.
      answer = { ...rest, intended: { ...intended, bytes: 0 }, actual: { ...actual, bytes: 0 } };
    }
    const traces = await Promise.all(traceIds.map((traceId) => store.get(traceId)));
    seen.push([
      each,
      answer,
      traces,
      await find(store, EVERYTHING),
      await find(store, { ...EVERYTHING, status: 'error' }),
    ]);
  }
  return seen;
}

test.each<[string, D1R2Bindings]>([
  ['one database', bindings],
  ['three databases', ringBindings(2)],
])(
  'property: any history gives what the reference gives, step by step: %s',
  async (_name, each) => {
    await clearBindings();
    await find(createD1R2Store(each), EVERYTHING);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        await emptyBindings(each);
        const expected = await play(createMemoryStore(), steps);
        const seen = await play(createD1R2Store(each), steps);
        for (const [i, one] of seen.entries()) expect(one).toEqual(expected[i]);
      }),
      { numRuns: 15 },
    );
  },
  120_000,
);
