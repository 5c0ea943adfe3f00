import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { CostMeter } from '../../durable-objects/cost-meter.ts';
import { createSampler } from '../../durable-objects/decide.ts';
import { Deciding } from '../../durable-objects/deciding.ts';
import { Erased } from '../../durable-objects/erased.ts';
import { Journal } from '../../durable-objects/journal.ts';
import { encodeAppend } from '../../durable-objects/records.ts';
import { Storing } from '../../durable-objects/storing.ts';
import { splitAppendFrame } from '../../model/append-frame.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import { mergeMinutes } from '../../model/statistics-merge.ts';
import { createMemoryStore } from '../../store/memory.ts';
import { frame, traceId } from '../kit/spans.ts';

const CONFIG = parseConfig('{"probability": 1, "quietMs": 0}');
const START_MS = 1_790_000_000_000;
const BLOCK_MS = 30_000;

/** A shard's parts that decide and store, with time in the test's hands. */
class Parts {
  nowMs = START_MS;
  readonly store = createMemoryStore();
  readonly journal: Journal;
  readonly storing: Storing;
  private readonly deciding: Deciding;
  private traces = 0;

  constructor(sql: SqlStorage) {
    this.journal = new Journal({
      sql,
      nowMs: this.nowMs,
      seed: 7,
      maxBytes: () => 2 ** 31,
      meter: new CostMeter(() => this.nowMs),
      atomically: (work) => work(),
      seen: () => false,
      appended: (live, trace, atMs) => live.deadlines.set(trace, atMs),
    });
    this.deciding = new Deciding(this.journal, CONFIG, createSampler(CONFIG), new Erased(sql, this.nowMs));
    this.storing = new Storing({
      journal: this.journal,
      store: this.store,
      shardName: 'storing',
      sync: async () => {},
      now: () => this.nowMs,
      random: () => 0.5,
      blockMs: () => BLOCK_MS,
    });
  }

  /** Keeps so many new traces. */
  keep(count: number): void {
    for (let i = 0; i < count; i++) {
      const { slices } = splitAppendFrame(frame([{ traceId: traceId(++this.traces), id: 1 }]));
      this.journal.write([encodeAppend(this.nowMs, slices)], this.nowMs);
    }
    this.deciding.decideDue(this.nowMs + 1_000);
  }

  /** Keeps one trace, of one span that has come so many times, each time larger. */
  keepVersions(count: number, bytes: number): void {
    const id = traceId(++this.traces);
    for (let i = 0; i < count; i++) {
      const { slices } = splitAppendFrame(frame([{ traceId: id, id: 1, name: 'x'.repeat(bytes + i) }]));
      this.journal.write([encodeAppend(this.nowMs, slices)], this.nowMs);
    }
    this.deciding.decideDue(this.nowMs + 1_000);
  }

  get stored() {
    const { storedParts, storedBlocks } = this.journal.live.counters;
    return { traces: storedParts, blocks: storedBlocks };
  }
}

function withParts(name: string, test: (parts: Parts) => Promise<void>): Promise<void> {
  const shard = env.TRACE_SHARD.getByName(`storing ${name}`);
  return runInDurableObject(shard, (_, { storage }) => test(new Parts(storage.sql)));
}

it('waits for others to share a block with, but no longer than it may', () =>
  withParts('waits', async (parts) => {
    expect(parts.storing.dueMs()).toBeNull();
    parts.keep(2);
    expect(parts.storing.dueMs()).toBe(START_MS + BLOCK_MS);
    parts.nowMs += BLOCK_MS - 1;
    parts.keep(1);
    await parts.storing.run(parts.nowMs);
    expect(parts.stored).toEqual({ traces: 0, blocks: 0 });
    expect(parts.storing.dueMs()).toBe(START_MS + BLOCK_MS);
    // What comes too late for the next one does not wait for it.
    await parts.storing.run(parts.nowMs + 1);
    expect(parts.stored).toEqual({ traces: 3, blocks: 1 });
    expect((await parts.store.get(traceId(3)))?.summary.spanCount).toBe(1);
    parts.nowMs += 5_000;
    parts.keep(1);
    expect(parts.storing.dueMs()).toBe(parts.nowMs + BLOCK_MS);
  }));

it('does not wait for more when there is enough', () =>
  withParts('enough', async (parts) => {
    parts.keep(499);
    expect(parts.storing.isFull).toBe(false);
    parts.keep(1);
    expect(parts.storing.isFull).toBe(true);
    await parts.storing.run(parts.nowMs);
    expect(parts.stored).toEqual({ traces: 500, blocks: 1 });
  }));

it('stores a trace of more than a block though all that is in the first one has come again in the second', () =>
  withParts('versions', async (parts) => {
    parts.keepVersions(12, 900_000);
    await parts.storing.run(parts.nowMs + BLOCK_MS);
    await parts.storing.run(parts.nowMs + BLOCK_MS);
    expect(parts.storing.failures).toBe(0);
    expect(parts.journal.live.outbox.size).toBe(0);
    const stored = await parts.store.get(traceId(1));
    expect(stored?.summary.spanCount).toBe(1);
    expect(decodeSpans(mergeTrace(stored!.otlp), 'kept')).toMatchObject([{ name: 'x'.repeat(900_011) }]);
  }));

it('does not wait with a block that was sealed before a crash or a failure', () =>
  withParts('sealed', async (parts) => {
    parts.keep(1);
    const { write } = parts.store;
    parts.store.write = () => Promise.reject(new Error('away on purpose'));
    await parts.storing.run(parts.nowMs + BLOCK_MS);
    expect(parts.storing.failures).toBe(1);
    parts.store.write = write;
    const dueMs = parts.storing.dueMs()!;
    expect(dueMs).toBeLessThan(parts.nowMs + 5_000);
    parts.nowMs = dueMs;
    await parts.storing.run(parts.nowMs);
    expect(parts.stored).toEqual({ traces: 1, blocks: 1 });
  }));

it('has a run that is under way do for all who ask for one', () =>
  withParts('together', async (parts) => {
    parts.keep(2);
    await Promise.all([1, 2, 3].map(() => parts.storing.run(parts.nowMs + BLOCK_MS)));
    expect(parts.stored).toEqual({ traces: 2, blocks: 1 });
  }));

it('who asks for statistics first here and then in the store misses nothing, while they are written too', () =>
  withParts('statistics', async (parts) => {
    const { storing, store } = parts;
    const writeStatistics = store.writeStatistics;
    const [called, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    store.writeStatistics = async (rows) => {
      called.resolve();
      await gate.promise;
      await writeStatistics(rows);
    };
    const spansIn = (rows: readonly Uint8Array[]) =>
      mergeMinutes(rows).operations.reduce((sum, { spans }) => sum + spans, 0);
    const unwritten = () => storing.unwrittenStatistics(0, Number.POSITIVE_INFINITY, 'operation');
    const stored = async () =>
      spansIn((await store.readStatistics(0, Number.MAX_SAFE_INTEGER)).map(({ data }) => data));
    const count = () => {
      const [byOperation, byService] = [
        unwritten(),
        storing.unwrittenStatistics(0, Number.POSITIVE_INFINITY, 'service'),
      ];
      const [spans, same] = [byOperation, byService].map((rows) => spansIn(rows.map(({ bytes }) => bytes)));
      expect(same).toBe(spans);
      return spans;
    };

    parts.keep(5);
    expect([count(), await stored()]).toEqual([5, 0]);
    parts.nowMs += 100_000;
    const run = storing.run(parts.nowMs);
    await called.promise;
    expect([count(), await stored()]).toEqual([5, 0]);
    // Of the same minute: one row has all of it.
    parts.keep(3);
    expect([unwritten().length, count()]).toEqual([1, 8]);
    expect(storing.unwrittenStatistics(0, START_MS - 60_000, 'operation')).toEqual([]);
    gate.resolve();
    await run;
    expect([count(), await stored()]).toEqual([8, 5]);
    parts.nowMs += 61_000;
    await storing.run(parts.nowMs);
    expect([unwritten(), await stored()]).toEqual([[], 8]);
  }));
