import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClaim, EXIT } from '../../../client/recorder/claim.ts';
import { createDrain } from '../../../client/recorder/drain.ts';
import { countersOf, createMemory, headerOf, WORD_AWAY } from '../../../client/recorder/memory.ts';
import type { SavedBatch } from '../../../client/recorder/offline.ts';
import type { Sent } from '../../../client/recorder/outcome.ts';
import { createRecordWriter } from '../../../client/recorder/record.ts';
import { createRing } from '../../../client/recorder/ring.ts';
import { storeRecords } from '../../../client/recorder/store-records.ts';
import { createStringTable } from '../../../client/recorder/strings.ts';
import { decodeBatch } from '../../../model/batch/decode.ts';
import type { SpanData } from '../../../model/span-data.ts';
import { toRecordable } from '../../kit/recorded-batch.ts';
import { arbitrarySpan } from '../../model/batch/arbitrary-batch.ts';

const [SPAN] = fc.sample(arbitrarySpan, { seed: 5, numRuns: 1 });
const SENT = { refused: 0, attempts: 1, tookMs: 0, waitMs: 0 };
const START_US = 1_790_000_000_000_000;

/** A page's ring and an edge that answers `sent`. */
class Bench {
  sent: Sent = { ...SENT, outcome: 'accepted', pressure: 'normal' };
  /** Names of the spans of each batch, when it came, and the losses it told. */
  readonly batches: { names: string[]; atMs: number; dropped: object }[] = [];
  /** What is stored, by rank; sent again when the edge is asked to take it. */
  readonly stored: SavedBatch[] = [];
  readonly buffer = createMemory(false, 16 * 1024);
  private readonly write = createRecordWriter(createRing(this.buffer), createStringTable(this.buffer));
  readonly counters = countersOf(this.buffer);
  private readonly drainage = createDrain({
    buffer: this.buffer,
    config: { url: '', resource: new Uint8Array([0]) },
    maxRingBytes: 256 * 1024,
    idle: async () => {},
    offline: {
      saveRecords: (from, records, losses) =>
        storeRecords({ save: async (batch) => this.canStore && this.stored.push(batch) > 0 }, from, records, losses),
      sendAll: async (_, send) => {
        let accepted = 0;
        while (this.stored.length > 0) {
          const { bytes, spanCount } = this.stored[0]!;
          if ((await send(bytes, spanCount)).outcome === 'unavailable') break;
          accepted += spanCount;
          this.stored.shift();
        }
        return { accepted, rejected: 0, givenUp: 0, isDone: this.stored.length === 0 };
      },
    },
    send: async (bytes) => {
      const { spans, dropped } = decodeBatch(bytes);
      this.batches.push({ names: spans.map(({ name }) => name).sort(), atMs: performance.now(), dropped });
      this.onSend();
      return this.sent;
    },
  });
  canStore = true;
  /** What happens while a batch is on its way. */
  onSend = () => {};
  readonly drain = () => this.drainage.run();

  record(name: string, span: Partial<SpanData> = {}): void {
    const plain = {
      parentSpanId: new Uint8Array(8).fill(7),
      startUs: START_US,
      endUs: START_US + 1_000,
      statusCode: 0,
    };
    this.write(toRecordable({ ...SPAN!, events: [], ...plain, name, ...span }));
  }

  recordAll(): void {
    this.record('plain');
    this.record('root', { parentSpanId: null });
    this.record('error', { statusCode: 2 });
    this.record('slow', { endUs: START_US + 1_000_000 });
  }
}

const ALL = ['error', 'plain', 'root', 'slow'];
const MATTERS = ['error', 'root', 'slow'];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('sends everything, and at once, while the edge is not pressed or says nothing', async () => {
  const bench = new Bench();
  for (const pressure of ['normal', null, 'new word'] as const) {
    bench.sent = { ...SENT, outcome: 'accepted', pressure };
    bench.recordAll();
    await bench.drain();
    expect(bench.batches.at(-1)!.names).toEqual(ALL);
  }
  expect(bench.counters.all().pressure).toBe(0);
});

it.each([
  ['moderate', 1_000, 1_250, ALL],
  ['high', 1_000, 2_000, MATTERS],
  ['overload', 1_000, 2_000, MATTERS],
  // Never more than 5 s are waited in addition.
  ['high', 8_000, 13_000, MATTERS],
] as const)(
  'under %s pressure makes an interval of %i ms one of %i, and sends %j',
  async (pressure, interval, longer, names) => {
    const bench = new Bench();
    bench.sent = { ...SENT, outcome: 'accepted', pressure };
    bench.recordAll();
    await bench.drain();
    const [first] = bench.batches;
    await vi.advanceTimersByTimeAsync(interval);
    bench.recordAll();
    const drained = bench.drain();
    await vi.advanceTimersByTimeAsync(longer - interval - 1);
    expect(bench.batches).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    await drained;
    expect(bench.batches).toHaveLength(2);
    expect(Math.round(bench.batches[1]!.atMs - first!.atMs)).toBeGreaterThanOrEqual(longer);
    expect(bench.batches[1]!.names).toEqual(names);
    const lost = ALL.length - names.length;
    expect(bench.counters.all()).toMatchObject({ accepted: 4 + names.length, pressure: lost });
    // The next batch tells the edge.
    bench.sent = { ...SENT, outcome: 'accepted', pressure: 'normal' };
    bench.recordAll();
    const last = bench.drain();
    await vi.advanceTimersByTimeAsync(5_001);
    await last;
    expect(bench.batches[2]!.dropped).toEqual(lost > 0 ? { pressure: lost } : {});
  },
);

it('keeps in the ring what could not be sent, and counts only what it has let go', async () => {
  const bench = new Bench();
  bench.sent = { ...SENT, outcome: 'unavailable', pressure: 'overload' };
  bench.recordAll();
  await bench.drain();
  expect(bench.batches[0]!.names).toEqual(ALL);
  expect(bench.counters.all()).toMatchObject({ accepted: 0, pressure: 0 });
  bench.sent = { ...SENT, outcome: 'accepted', pressure: 'normal' };
  const drained = bench.drain();
  await vi.advanceTimersByTimeAsync(5_001);
  await drained;
  expect(bench.batches[1]!.names).toEqual(MATTERS);
  expect(bench.counters.all()).toMatchObject({ accepted: 3, pressure: 1 });
});

it('sends everything again when the edge has not said for half a minute that it is pressed', async () => {
  const bench = new Bench();
  bench.sent = { ...SENT, outcome: 'accepted', pressure: 'high' };
  bench.record('root', { parentSpanId: null });
  await bench.drain();
  bench.record('plain');
  const alone = bench.drain();
  await vi.advanceTimersByTimeAsync(5_001);
  await alone;
  // There was nothing to send, so nobody could say that it is better.
  expect([bench.batches.length, bench.counters.all().pressure]).toEqual([1, 1]);
  await vi.advanceTimersByTimeAsync(30_000);
  bench.record('plain');
  await bench.drain();
  expect(bench.batches[1]!.names).toEqual(['plain']);
});

describe('while the edge is away', () => {
  /** Enough for a quarter of the ring. */
  const fill = (bench: Bench) => {
    for (let i = 0; i < 20; i++) bench.record('ordinary', { attributes: [['text', 'x'.repeat(200)]] });
    bench.record('root', { parentSpanId: null });
  };

  it('stores what fills the ring, what matters most by itself, and sends it when the edge is back', async () => {
    const bench = new Bench();
    bench.sent = { ...SENT, outcome: 'unavailable', pressure: null, attempts: 3, waitMs: 20_000 };
    fill(bench);
    await bench.drain();
    expect(bench.stored.map(({ rank, spanCount }) => [rank, spanCount])).toEqual([
      [1, 1],
      [0, 20],
    ]);
    expect(bench.counters.all()).toMatchObject({ sent: 21, retried: 42, saved: 21, accepted: 0 });
    bench.batches.length = 0;
    bench.sent = { ...SENT, outcome: 'accepted', pressure: null };
    await vi.advanceTimersByTimeAsync(19_999);
    expect(bench.batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    expect(bench.batches.map(({ names }) => names.length)).toEqual([1, 20]);
    expect([bench.stored, bench.counters.all().accepted]).toEqual([[], 21]);
    // Then there is nothing to be tried again.
    await vi.advanceTimersByTimeAsync(600_000);
    expect(bench.batches).toHaveLength(2);
  });

  it('keeps little in the ring, and tries again by itself', async () => {
    const bench = new Bench();
    bench.record('first');
    await bench.drain();
    bench.sent = { ...SENT, outcome: 'unavailable', pressure: null };
    bench.record('root');
    await bench.drain();
    expect(bench.stored).toEqual([]);
    bench.sent = { ...SENT, outcome: 'accepted', pressure: null };
    await vi.advanceTimersByTimeAsync(1_001);
    expect(bench.batches).toHaveLength(3);
    expect(bench.counters.all()).toMatchObject({ saved: 0, accepted: 2 });
  });

  it('sends from the ring when the edge is back, by itself, where nothing can be stored', async () => {
    const bench = new Bench();
    bench.canStore = false;
    bench.sent = { ...SENT, outcome: 'unavailable', pressure: null, waitMs: 2_000 };
    fill(bench);
    await bench.drain();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(bench.counters.all()).toMatchObject({ saved: 0, accepted: 0, ring_full: 0 });
    bench.sent = { ...SENT, outcome: 'accepted', pressure: null };
    await vi.advanceTimersByTimeAsync(5_000);
    expect(bench.counters.all()).toMatchObject({ saved: 0, accepted: 21 });
  });

  it('has a page that ends try all the same where nothing can be stored', async () => {
    const bench = new Bench();
    bench.record('root');
    const { buffer } = bench;
    const { run } = createDrain({
      buffer,
      config: { url: '', resource: new Uint8Array([0]) },
      maxRingBytes: 1024,
      idle: async () => {},
      offline: null,
      send: async () => ({ ...SENT, outcome: 'unavailable', pressure: null }),
    });
    await run();
    expect(headerOf(buffer)[WORD_AWAY]).toBe(0);
  });

  it('keeps nothing in the ring alone for more than five seconds', async () => {
    const bench = new Bench();
    bench.record('first');
    await bench.drain();
    bench.sent = { ...SENT, outcome: 'unavailable', pressure: null, waitMs: 600_000 };
    bench.record('root');
    await bench.drain();
    await vi.advanceTimersByTimeAsync(5_001);
    await bench.drain();
    expect(bench.stored.map(({ spanCount }) => spanCount)).toEqual([1]);
  });

  it.each([
    [1, 1],
    [1e9, 4],
    [-7, 0],
    ['many', 0],
  ])('counts what the edge refuses of a batch it takes: it says %j of four', async (refused, rejected) => {
    const bench = new Bench();
    bench.sent = { ...SENT, outcome: 'accepted', pressure: null, refused: refused as number };
    bench.recordAll();
    await bench.drain();
    expect(bench.counters.all()).toMatchObject({ accepted: 4 - rejected, rejected });
  });

  it.each([
    ['because the page has taken over', 0, 0],
    ['and the edge did not answer', 1, 1],
  ])('what did not leave %s: %i attempts, away %i', async (_, attempts, isAway) => {
    const bench = new Bench();
    bench.sent = { ...SENT, outcome: 'unavailable', pressure: null, attempts };
    bench.onSend = () => createClaim(bench.buffer, EXIT).take();
    bench.recordAll();
    await bench.drain();
    expect(headerOf(bench.buffer)[WORD_AWAY]).toBe(isAway);
  });
});
