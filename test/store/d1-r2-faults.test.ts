import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { StoreError } from '../../store/errors.ts';
import { createMemoryStore } from '../../store/memory.ts';
import type { Store, TracePart } from '../../store/store.ts';
import { EVERYTHING, find, makePart, type PartWords, traceIdOf } from '../contract/parts.ts';
import { bindings, clearBindings } from './bindings.ts';
import { type Around, wrapBindings } from './wrapped-bindings.ts';

/** What happens to a call: nothing, it fails without effect, or it takes effect and its answer is lost. */
type Fate = 'works' | 'fails before' | 'fails after';

interface Write {
  readonly blockKey: string;
  readonly parts: readonly TracePart[];
}

const TRACES = 4;
const NAMES = ['shop', 'stock', 'pay'];
/** Calls that may fail in one run; later ones work, so that every run ends. */
const MAX_FATES = 60;

function fateful(fates: readonly Fate[]): Around {
  let calls = 0;
  return async (call) => {
    const fate = fates[calls++] ?? 'works';
    if (fate === 'fails before') throw new Error('lost on the way there');
    const result = await call();
    if (fate === 'fails after') throw new Error('lost on the way back');
    return result;
  };
}

/** Writes with fresh block keys and revisions; `covers` picks the kinds of parts in them. */
function writesOf(...covers: PartWords['covers'][]): fc.Arbitrary<Write[]> {
  const word = fc.constantFrom(...NAMES);
  const words = fc.record({
    n: fc.integer({ min: 1, max: TRACES }),
    covers: fc.constantFrom(...covers.map((each) => each ?? 'whole')),
    startUs: fc.integer({ min: 1, max: 20 }),
    durationUs: fc.integer({ min: 0, max: 20 }),
    status: fc.constantFrom('ok' as const, 'error' as const),
    rootEnded: fc.boolean(),
    missingParents: fc.nat(2),
    decidedUs: fc.nat(5),
    operations: fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 3 }),
  });
  return fc
    .array(fc.array(words, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 })
    .chain((blocks) => fc.tuple(fc.constant(blocks), fc.shuffledSubarray([...Array(40).keys()], { minLength: 40 })))
    .map(([blocks, revisions]) => {
      let next = 0;
      return blocks.map((block, i) => ({
        blockKey: `block-${i}`,
        parts: block.map(({ n, ...rest }) =>
          makePart({ ...rest, traceId: traceIdOf(n), revision: revisions[next++]! }),
        ),
      }));
    });
}

const fates = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<Fate>('works') },
    { weight: 1, arbitrary: fc.constant<Fate>('fails before') },
    { weight: 1, arbitrary: fc.constant<Fate>('fails after') },
  ),
  { maxLength: MAX_FATES },
);

/** Writes as the outbox does: again and again until it worked. */
async function writeUntilDone(store: Store, { blockKey, parts }: Write): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await store.write(blockKey, parts);
    } catch (error) {
      expect(error).toMatchObject({ name: 'StoreError', fault: 'unavailable', key: blockKey });
      expect(attempt).toBeLessThan(MAX_FATES);
    }
  }
}

async function expectSameAnswers(store: Store, reference: Store): Promise<void> {
  for (let n = 1; n <= TRACES; n++) expect(await store.get(traceIdOf(n))).toEqual(await reference.get(traceIdOf(n)));
  const conditions = [{}, { status: 'error' as const }, { minDurationUs: 10 }, { startUs: 5, endUs: 12 }];
  const names = NAMES.flatMap((service) => NAMES.map((operation) => ({ service, operation })));
  for (const condition of [...conditions, ...names]) {
    const query = { ...EVERYTHING, ...condition };
    expect(await find(store, query)).toEqual(await find(reference, query));
  }
}

describe('D1 and R2 store when calls fail', () => {
  test('property: any writes, each repeated until it worked and once more, give what the reference gives', async () => {
    await fc.assert(
      fc.asyncProperty(writesOf('whole', 'part'), fates, async (writes, fate) => {
        await clearBindings();
        const store = createD1R2Store(wrapBindings(bindings, fateful(fate)));
        const reference = createMemoryStore();
        for (const write of writes) {
          await writeUntilDone(store, write);
          await store.write(write.blockKey, write.parts).catch(() => {});
          await reference.write(write.blockKey, write.parts);
        }
        await expectSameAnswers(createD1R2Store(bindings), reference);
      }),
      { numRuns: 60 },
    );
  });

  test.each(['whole', 'part'] as const)(
    'property: %ss written at the same time, failing, repeated and in any order, give what the reference gives',
    async (covers) => {
      await fc.assert(
        fc.asyncProperty(writesOf(covers), fates, async (writes, fate) => {
          await clearBindings();
          const around = fateful(fate);
          // A store for each writer, as shards in different isolates have.
          await Promise.all(
            writes.map((write) => writeUntilDone(createD1R2Store(wrapBindings(bindings, around)), write)),
          );
          const reference = createMemoryStore();
          for (const write of writes.toReversed()) await reference.write(write.blockKey, write.parts);
          await expectSameAnswers(createD1R2Store(bindings), reference);
        }),
        { numRuns: 30 },
      );
    },
  );

  test('a failed write is repeated by nobody but the caller, and reads say what was not available', async () => {
    await clearBindings();
    const healthy = createD1R2Store(bindings);
    await healthy.write('block', [makePart({ traceId: traceIdOf(1) })]);
    const calls: string[] = [];
    const broken = (name: string) =>
      createD1R2Store(
        wrapBindings(bindings, async (call, what) => {
          calls.push(what);
          if (what.startsWith(name)) throw new Error(`${name} is down`);
          return call();
        }),
      );
    const late = [makePart({ traceId: traceIdOf(1), revision: 2 })];
    await expect(broken('put').write('late', late)).rejects.toMatchObject({ fault: 'unavailable', key: 'late' });
    expect(calls.filter((what) => what === 'put')).toEqual(calls.slice(-1));
    calls.length = 0;
    await expect(broken('batch: INSERT INTO blocks').write('late', late)).rejects.toMatchObject({
      fault: 'unavailable',
      key: 'late',
    });
    expect(calls.slice(-2)).toEqual(['put', expect.stringContaining('INTO traces')]);
    const unavailable = { name: 'StoreError', fault: 'unavailable' };
    await expect(broken('get').get(traceIdOf(1))).rejects.toMatchObject({ ...unavailable, key: 'block' });
    await expect(broken('SELECT').get(traceIdOf(1))).rejects.toMatchObject({ ...unavailable, key: traceIdOf(1) });
    await expect(find(broken('SELECT'), EVERYTHING)).rejects.toMatchObject({ ...unavailable, key: '' });
    await healthy.write('late', late);
    expect((await healthy.get(traceIdOf(1)))!.summary).toEqual(late[0]!.summary);
  });

  test('a writer that loses every round gives up with the trace named, and can come again', async () => {
    await clearBindings();
    const other = createD1R2Store(bindings);
    let blocks = 0;
    const interfere: Around = async (call, what) => {
      if (what.startsWith('batch: INSERT INTO blocks')) {
        const revision = 100 + blocks++;
        await other.write(`other-${revision}`, [makePart({ traceId: traceIdOf(1), revision, covers: 'part' })]);
      }
      return call();
    };
    await find(other, EVERYTHING);
    const mine: Write = { blockKey: 'mine', parts: [makePart({ traceId: traceIdOf(1), covers: 'part' })] };
    const write = createD1R2Store(wrapBindings(bindings, interfere)).write(mine.blockKey, mine.parts);
    const error = await write.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ fault: 'contended', key: traceIdOf(1) });
    expect((await other.get(traceIdOf(1)))!.summary.spanCount).toBe(blocks);
    await other.write(mine.blockKey, mine.parts);
    expect((await other.get(traceIdOf(1)))!.summary.spanCount).toBe(blocks + 1);
  });

  test('a block written by another version of zstd, before the crash, is used as it is', async () => {
    await clearBindings();
    const parts = [1, 2, 3].map((n) => makePart({ traceId: traceIdOf(n) }));
    const crashing = createD1R2Store(
      wrapBindings(bindings, async (call, what) => {
        if (what.includes('INTO traces')) throw new Error('crash between R2 and D1');
        return call();
      }),
    );
    // Another order moves every entry, as other compressed lengths would.
    await expect(crashing.write('block', parts.toReversed())).rejects.toMatchObject({ fault: 'unavailable' });
    const etag = (await bindings.bucket.head('block'))!.etag;
    const store = createD1R2Store(bindings);
    await store.write('block', parts);
    expect((await bindings.bucket.head('block'))!.etag).toBe(etag);
    for (const part of parts) expect((await store.get(part.traceId))!.otlp).toEqual(part.otlp);
  });
});
