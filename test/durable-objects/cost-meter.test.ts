import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { CostMeter } from '../../durable-objects/cost-meter.ts';
import { Journal } from '../../durable-objects/journal.ts';
import { encodeAppend } from '../../durable-objects/records.ts';
import { splitAppendFrame } from '../../model/append-frame.ts';
import { emptyCosts } from '../../model/costs.ts';
import { frame, traceId } from '../kit/spans.ts';

const START_MS = 1_790_000_000_000;

describe('CostMeter', () => {
  it('counts for how long there is any work, what overlaps once', async () => {
    let nowMs = 0;
    const meter = new CostMeter(() => nowMs);
    const ends: (() => void)[] = [];
    const work = () => new Promise<void>((resolve) => ends.push(resolve));
    const begin = (atMs: number) => {
      nowMs = atMs;
      return meter.event('object_calls', work);
    };
    const end = async (atMs: number, event: Promise<void>, which: number) => {
      nowMs = atMs;
      ends[which]!();
      await event;
    };
    const first = begin(1_000);
    const second = begin(2_000);
    await end(3_000, first, 0);
    nowMs = 4_000;
    expect(meter.totals()).toMatchObject({ object_calls: 2, object_seconds: 3 });
    await end(5_000, second, 1);
    const third = begin(9_000);
    await end(10_000, third, 2);
    expect(meter.totals()).toEqual({ ...emptyCosts(), object_calls: 3, object_seconds: 5 });
  });

  it('counts an event that fails', async () => {
    let nowMs = 0;
    const meter = new CostMeter(() => nowMs);
    const failing = meter.event('object_alarms', async () => {
      nowMs = 2_000;
      throw new Error('on purpose');
    });
    await expect(failing).rejects.toThrow('on purpose');
    expect(meter.totals()).toMatchObject({ object_alarms: 1, object_seconds: 2 });
  });
});

it('a shard knows after a restart what it has cost', async () => {
  const shard = env.TRACE_SHARD.getByName('cost-of-a-shard');
  await runInDurableObject(shard, (_, { storage }) => {
    let nowMs = START_MS;
    const start = () => {
      const meter = new CostMeter(() => nowMs);
      const journal = new Journal({
        sql: storage.sql,
        nowMs,
        seed: 7,
        maxBytes: () => 2 ** 31,
        meter,
        atomically: (work) => work(),
        seen: () => false,
        appended: (live, trace, atMs) => live.deadlines.set(trace, atMs),
      });
      return { meter, journal };
    };
    let { meter, journal } = start();
    const append = (i: number) => {
      const { slices } = splitAppendFrame(frame([{ traceId: traceId(i), id: 1 }]));
      meter.count('object_calls');
      journal.write([encodeAppend(nowMs, slices)], nowMs);
      meter.count('object_rows_written');
    };
    const expectCalls = (calls: number, rows: number) => {
      ({ meter, journal } = start());
      expect(meter.totals()).toMatchObject({ object_calls: calls, object_rows_written: rows });
    };
    append(1);
    nowMs += 1_000;
    append(2);
    // The checkpoint's row is known to the log; that the test does not count it here.
    expectCalls(2, 2);
    nowMs += 1_000;
    append(3);
    append(4);
    // Calls of the last second are not known, rows are.
    expectCalls(3, 4);
    // Nothing was written but the checkpoint of a new bucket.
    meter.count('d1_rows_written', 9);
    journal.maintain(nowMs + 61_000);
    ({ meter } = start());
    expect(meter.totals()).toMatchObject({ object_calls: 3, d1_rows_written: 9 });
  });
});

it('the Ledger knows after a restart what it has cost', async () => {
  const ledger = env.LEDGER.getByName('cost-of-a-ledger');
  const rows = async () =>
    (await env.LEDGER.get(ledger.id).read())['tailrace_cost_object_rows_written_total{by="ledger"}']!;
  await ledger.add({ one: 1 });
  const before = await rows();
  await ledger.add({ one: 1 });
  await ledger.add({ one: 1 });
  expect(await rows()).toBe(before + 2);
  await abortAllDurableObjects();
  expect(await rows()).toBe(before + 2);
  expect((await env.LEDGER.get(ledger.id).read()).one).toBe(3);
});
