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
import { createD1R2Store } from '../../store/d1-r2.ts';
import { frame, traceId } from '../kit/spans.ts';
import { bindings } from '../store/bindings.ts';

const CONFIG = parseConfig('{"probability": 1}');
const MINUTE_MS = 60_000;
const store = createD1R2Store(bindings);

/** A shard's stages from log to store, at a clock of the test's, without the object. */
function stagesOf(sql: SqlStorage, now: () => number, config = CONFIG) {
  const journal: Journal = new Journal({
    sql,
    nowMs: now(),
    seed: 7,
    maxBytes: () => 1e9,
    meter: new CostMeter(now),
    atomically: (work) => work(),
    seen: () => false,
    appended: (live, trace, atMs) => live.deadlines.set(trace, atMs),
  });
  const deciding = new Deciding(journal, config, createSampler(config), new Erased(sql, now()));
  const storing = new Storing({
    journal,
    store,
    shardName: 'stages',
    sync: async () => {},
    now,
    random: () => 0.5,
    blockMs: () => 0,
  });
  return { journal, deciding, storing };
}

it('gives no trace up because the log cannot be read for a while', () =>
  runInDurableObject(env.TRACE_SHARD.getByName('unreadable-log'), async (_, { storage: { sql } }) => {
    let nowMs = 1_790_000_000_000;
    let isReadable = true;
    // The storage itself, when it does not answer.
    const failing = new Proxy(sql, {
      get: (target, name) =>
        name !== 'exec'
          ? Reflect.get(target, name, target)
          : (query: string, ...values: unknown[]) => {
              if (!isReadable && query.startsWith('SELECT')) throw new Error('failed on purpose');
              return target.exec(query, ...values);
            },
    });
    const { journal, deciding, storing } = stagesOf(failing, () => nowMs);
    const ids = Array.from({ length: 5 }, (__, i) => traceId(i + 1));
    for (const id of ids) {
      journal.write([encodeAppend(nowMs, splitAppendFrame(frame([{ traceId: id, id: 1 }])).slices)], nowMs);
    }
    nowMs += MINUTE_MS;
    deciding.decideDue(nowMs);
    isReadable = false;
    for (let tries = 1; tries <= 20; tries++) {
      nowMs += MINUTE_MS;
      await storing.run(nowMs);
      expect([storing.failures, journal.live.outbox.size]).toEqual([tries, ids.length]);
    }
    isReadable = true;
    nowMs += MINUTE_MS;
    await storing.run(nowMs);
    expect(journal.live.counters).toMatchObject({ storedSpans: ids.length, unstorableSpans: 0 });
    for (const id of ids) expect((await store.get(id))?.summary.spanCount).toBe(1);
  }));

it('decides late what could not be looked at because the log could not be read', () =>
  runInDurableObject(env.TRACE_SHARD.getByName('deciding'), async (_, { storage: { sql } }) => {
    let nowMs = 1_790_000_000_000;
    const config = parseConfig('{"rules": [{"type": "number_attribute", "key": "test.id", "min": 1}]}');
    const { journal, deciding } = stagesOf(sql, () => nowMs, config);
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
    const { journal, deciding, storing } = stagesOf(sql, () => nowMs);
    const ids = Array.from({ length: 50 }, (__, i) => traceId(100 + i));
    for (let copy = 0; copy < 3; copy++) {
      const spans = ids.map((id) => ({ traceId: id, id: 1 }));
      journal.write([encodeAppend(nowMs, splitAppendFrame(frame(spans)).slices)], nowMs);
      nowMs += MINUTE_MS;
      for (let events = 0; events < 4; events++) deciding.decideDue(nowMs);
      await storing.run(nowMs);
    }
    expect(journal.live.counters).toMatchObject({ receivedSpans: 150, mergedSpans: 100, storedSpans: 50 });
    for (const id of ids) expect((await store.get(id))?.summary.spanCount).toBe(1);
  }));
