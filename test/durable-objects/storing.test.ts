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

it('decides late what could not be looked at because the log could not be read', () =>
  runInDurableObject(env.TRACE_SHARD.getByName('deciding'), async (_, { storage: { sql } }) => {
    let nowMs = 1_790_000_000_000;
    const journal: Journal = new Journal({
      sql,
      nowMs,
      seed: 7,
      maxBytes: () => 1e9,
      atomically: (work) => work(),
      seen: () => false,
      appended: (live, trace, atMs) => live.deadlines.set(trace, atMs),
    });
    const config = parseConfig('{"rules": [{"type": "number_attribute", "key": "test.id", "min": 1}]}');
    const deciding = new Deciding(journal, config, createSampler(config), new Erased(sql, nowMs));
    const id = traceId(1);
    journal.write([encodeAppend(nowMs, splitAppendFrame(frame([{ traceId: id, id: 1 }])).slices)], nowMs);
    nowMs += 2 * MINUTE_MS;
    const { exec } = sql;
    sql.exec = () => {
      throw new Error('failed on purpose');
    };
    expect(() => deciding.decideDue(nowMs)).toThrow('failed on purpose');
    sql.exec = exec;
    expect([journal.live.undecidedCount, journal.live.deadlines.earliestMs() !== null]).toEqual([1, true]);
    nowMs += MINUTE_MS;
    deciding.decideDue(nowMs);
    expect([journal.live.undecidedCount, journal.live.state(journal.live.find(id))]).toEqual([0, 'kept']);
  }));

it('recognizes copies of more stored traces than are recalled in one event', () =>
  runInDurableObject(env.TRACE_SHARD.getByName('recalls'), async (_, { storage: { sql } }) => {
    let nowMs = 1_790_000_000_000;
    const journal: Journal = new Journal({
      sql,
      nowMs,
      seed: 7,
      maxBytes: () => 1e9,
      atomically: (work) => work(),
      seen: () => false,
      appended: (live, trace, atMs) => live.deadlines.set(trace, atMs),
    });
    const deciding = new Deciding(journal, CONFIG, createSampler(CONFIG), new Erased(sql, nowMs));
    const storing = new Storing({
      journal,
      store,
      shardName: 'recalls',
      sync: async () => {},
      now: () => nowMs,
      random: () => 0.5,
    });
    const ids = Array.from({ length: 50 }, (__, i) => traceId(100 + i));
    for (let copy = 0; copy < 3; copy++) {
      const spans = ids.map((id) => ({ traceId: id, id: 1 }));
      journal.write([encodeAppend(nowMs, splitAppendFrame(frame(spans)).slices)], nowMs);
      nowMs += MINUTE_MS;
      for (let events = 0; events < 4; events++) deciding.decideDue(nowMs);
      await storing.run();
    }
    expect(journal.live.counters).toMatchObject({ receivedSpans: 150, mergedSpans: 100, storedSpans: 50 });
    for (const id of ids) expect((await store.get(id))?.summary.spanCount).toBe(1);
  }));
