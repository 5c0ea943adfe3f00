import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Journal } from '../../durable-objects/journal.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { AppendFrameWriter } from '../../model/append-frame.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { mergeTrace } from '../../model/otlp/merge.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { concatBytes, SLICE_GOODBYE } from '../../model/slice-frame.ts';
import { storeBindings } from '../../store/bindings.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { frame, otlp, randomTraceId, spanId, TEST_TABLE, type TestSpan, traceId } from '../kit/spans.ts';

const store = createD1R2Store(storeBindings(env));
let shards = 0;

/** A shard that no other test uses. */
function freshShard() {
  return env.TRACE_SHARD.getByName(`test-${shards++}`);
}
type Stub = ReturnType<typeof freshShard>;

async function append(shard: Stub, spans: readonly TestSpan[], flags = 0): Promise<void> {
  expect(await shard.append(frame(spans, flags), TEST_TABLE)).toBe(true);
}

async function spansOf(shard: Stub, id: string) {
  const found = await shard.get(id, null);
  // What is stored has left the shard.
  const stored = await store.get(id);
  const bytes = concatBytes([...(stored ? [stored.otlp] : []), ...(found ? [found.otlp] : [])]);
  return found && { ...found, spans: decodeSpans(mergeTrace(bytes), found.isLive ? 'live' : found.state) };
}

/** What the counters must say whatever has happened. */
async function expectSumsToAgree(shard: Stub): Promise<void> {
  const { counters, liveSpans, outboxSpans } = await shard.metrics();
  const { not_sampled: dropped, ...kept } = counters.decidedSpans;
  const keptSpans = Object.values(kept).reduce((sum, count) => sum + count, 0);
  expect(counters.receivedSpans).toBe(counters.mergedSpans + liveSpans + dropped + keptSpans);
  expect(keptSpans + counters.revisedSpans).toBe(counters.storedSpans + outboxSpans);
}

const ALL = { startUs: 0, endUs: Number.MAX_SAFE_INTEGER, attributes: [], order: 'newest', limit: 10 } as const;

describe('TraceShard', () => {
  it('answers nothing while empty', async () => {
    const shard = freshShard();
    expect(await shard.get(randomTraceId(), null)).toBeNull();
    expect((await shard.search(ALL, 1)).traces).toEqual([]);
    expect(await shard.catalog()).toEqual([]);
    await expectSumsToAgree(shard);
  });

  it('answers a trace as soon as it is acknowledged, and after a crash', async () => {
    const shard = freshShard();
    const id = randomTraceId();
    await append(shard, [
      { traceId: id, id: 1, name: 'GET /cart' },
      { traceId: id, id: 2, parent: 1, durationUs: null, service: 'orders' },
    ]);
    for (const crashed of [false, true]) {
      if (crashed) await abortAllDurableObjects();
      const again = env.TRACE_SHARD.get(shard.id);
      const found = await spansOf(again, id);
      expect(found?.state).toBe('live');
      expect(found?.spans.map((span) => [span.spanId, span.state])).toEqual([
        [spanId(1), 'ended'],
        [spanId(2), 'open'],
      ]);
      const { traces } = await again.search(ALL, 2);
      const [first] = traces;
      expect(first?.summary).toMatchObject({
        traceId: id,
        rootOperation: 'GET /cart',
        spanCount: 2,
        state: 'live',
        completeness: { rootEnded: true, missingParents: 0, openSpans: 1 },
      });
      expect((await again.catalog()).sort((a, b) => (a.service < b.service ? 1 : -1))).toEqual([
        { service: 'shop', name: 'GET /cart' },
        { service: 'orders', name: 'operation-2' },
      ]);
      await expectSumsToAgree(again);
    }
  });

  it.each([
    ['error', true, { error: true }, false],
    ['slow', true, { durationUs: 1_000_000 }, false],
    ['probability', true, {}, true],
    ['not_sampled', false, {}, false],
  ])('decides %s', async (reason, keep, fields, sampled) => {
    const shard = freshShard();
    const id = traceId(shards * 100, sampled);
    await append(shard, [{ traceId: id, id: 1, ...fields }]);
    await runDurableObjectAlarm(shard);
    const found = await spansOf(shard, id);
    expect(found).toMatchObject({ state: keep ? 'kept' : 'dropped', decision: { keep, reason, configVersion: 1 } });
    expect(found?.decision?.rate).toBe(reason === 'probability' ? 2 : 1);
    expect(found?.spans).toHaveLength(1);
    const stored = await store.get(id);
    if (keep) expect(stored?.summary).toMatchObject({ traceId: id, spanCount: 1, state: 'kept', decision: { reason } });
    else expect(stored).toBeNull();
    const { counters, outboxTraces } = await shard.metrics();
    expect(counters.decidedTraces).toMatchObject({ [reason]: 1 });
    expect([counters.storedParts, outboxTraces]).toEqual([keep ? 1 : 0, 0]);
    await expectSumsToAgree(shard);
  });

  it('decides a trace soon after what was missing has come', async () => {
    const shard = freshShard();
    const id = traceId(shards * 100);
    await append(shard, [{ traceId: id, id: 2, parent: 1 }]);
    await runDurableObjectAlarm(shard);
    expect((await shard.metrics()).liveTraces).toBe(1);
    await append(shard, [{ traceId: id, id: 1 }]);
    await runDurableObjectAlarm(shard);
    expect((await spansOf(shard, id))?.state).toBe('kept');
  });

  it('waits for what is missing, but not after the page has said goodbye', async () => {
    const shard = freshShard();
    const [headless, open, gone] = [randomTraceId(), randomTraceId(), randomTraceId()];
    await append(shard, [{ traceId: headless, id: 2, parent: 1 }]);
    await append(shard, [
      { traceId: open, id: 1 },
      { traceId: open, id: 2, parent: 1, durationUs: null },
    ]);
    await append(
      shard,
      [
        { traceId: gone, id: 1 },
        { traceId: gone, id: 2, parent: 1, durationUs: null, error: true },
      ],
      SLICE_GOODBYE,
    );
    await runDurableObjectAlarm(shard);
    expect((await shard.get(headless, null))?.state).toBe('live');
    expect((await shard.get(open, null))?.state).toBe('live');
    const left = await spansOf(shard, gone);
    expect(left?.state).toBe('kept');
    expect(left?.spans[1]?.state).toBe('abandoned');
  });

  it('merges copies and versions of a span, and counts them', async () => {
    const shard = freshShard();
    const id = traceId(77);
    await append(shard, [{ traceId: id, id: 1, durationUs: null }]);
    await append(shard, [{ traceId: id, id: 1, durationUs: null }]);
    await append(shard, [{ traceId: id, id: 1, durationUs: 500 }]);
    await append(shard, [{ traceId: id, id: 1, durationUs: null }]);
    expect((await spansOf(shard, id))?.spans).toMatchObject([{ state: 'ended', durationUs: 500 }]);
    await runDurableObjectAlarm(shard);
    expect((await shard.metrics()).counters).toMatchObject({ receivedSpans: 4, mergedSpans: 3 });
    expect(decodeSpans((await store.get(id))!.otlp, 'kept')).toHaveLength(1);
    await expectSumsToAgree(shard);
  });

  it('turns drop into keep when an error comes late, and stores the whole trace', async () => {
    const shard = freshShard();
    const id = traceId(78, false);
    await append(shard, [{ traceId: id, id: 1 }]);
    await runDurableObjectAlarm(shard);
    expect((await shard.get(id, null))?.state).toBe('dropped');
    await abortAllDurableObjects();
    const again = env.TRACE_SHARD.get(shard.id);
    await append(again, [{ traceId: id, id: 2, parent: 1, error: true }]);
    await runDurableObjectAlarm(again);
    expect((await again.get(id, null))?.decision).toMatchObject({ keep: true, reason: 'error' });
    expect((await store.get(id))?.summary).toMatchObject({ spanCount: 2, errorCount: 1 });
    expect((await again.metrics()).counters.revisedSpans).toBe(1);
    await expectSumsToAgree(again);
  });

  it('appends late spans of a kept trace as a further part and corrects its summary', async () => {
    const shard = freshShard();
    const id = traceId(79);
    await append(shard, [{ traceId: id, id: 1 }]);
    await runDurableObjectAlarm(shard);
    await append(shard, [
      { traceId: id, id: 1 },
      { traceId: id, id: 2, parent: 1, service: 'late' },
    ]);
    await runDurableObjectAlarm(shard);
    const stored = await store.get(id);
    expect(stored?.summary).toMatchObject({ spanCount: 2, services: [{ name: 'late' }, { name: 'shop' }] });
    expect(decodeSpans(mergeTrace(stored!.otlp), 'kept')).toHaveLength(2);
    await expectSumsToAgree(shard);
  });

  it('carries what is unsettled forward when a bucket is dropped, and forgets the rest', async () => {
    const shard = freshShard();
    const [live, kept, dropped] = [traceId(80), traceId(81), traceId(82, false)];
    await append(shard, [
      { traceId: kept, id: 1 },
      { traceId: dropped, id: 1 },
    ]);
    await runDurableObjectAlarm(shard);
    await append(shard, [{ traceId: live, id: 2, parent: 1 }]);
    const before = await shard.metrics();
    const dropOldest = (instance: TraceShard, afterMs: number) =>
      (instance as unknown as { journal: Journal }).journal.maintain(Date.now() + afterMs);
    await runInDurableObject(shard, (instance: TraceShard) => {
      dropOldest(instance, 61_000);
      dropOldest(instance, 700_000);
    });
    for (const crashed of [false, true]) {
      if (crashed) await abortAllDurableObjects();
      const again = env.TRACE_SHARD.get(shard.id);
      expect(await again.get(kept, null)).toBeNull();
      expect(await again.get(dropped, null)).toBeNull();
      expect((await spansOf(again, live))?.spans).toHaveLength(1);
      const after = await again.metrics();
      expect(after.counters).toEqual(before.counters);
      expect(after.liveSpans).toBe(1);
      await expectSumsToAgree(again);
    }
    expect(await store.get(kept)).not.toBeNull();
  });

  it('stores under a new key when the sealed one holds something else', async () => {
    const shard = freshShard();
    const id = traceId(90);
    await append(shard, [{ traceId: id, id: 1 }]);
    await runInDurableObject(shard, async (instance: TraceShard) => {
      const parts = instance as unknown as {
        decideDue(nowMs: number): void;
        storing: { seal(): Promise<{ key: string } | null> };
      };
      parts.decideDue(Date.now());
      const seal = await parts.storing.seal();
      await env.BLOCKS.put(seal!.key, 'something else');
    });
    await runDurableObjectAlarm(shard);
    expect(await store.get(id)).toBeNull();
    expect((await shard.metrics()).storeFailures).toBe(1);
    await runInDurableObject(shard, (instance: TraceShard) => {
      (instance as unknown as { storing: { retryAtMs: number } }).storing.retryAtMs = 0;
    });
    await runDurableObjectAlarm(shard);
    expect((await store.get(id))?.summary).toMatchObject({ traceId: id, spanCount: 1 });
    expect((await shard.metrics()).storeFailures).toBe(0);
    await expectSumsToAgree(shard);
  });

  it('counts on after its log was empty and it has started again', async () => {
    const shard = freshShard();
    await append(shard, [{ traceId: traceId(95, false), id: 1 }]);
    await runDurableObjectAlarm(shard);
    await runInDurableObject(shard, (instance: TraceShard) => {
      const parts = instance as unknown as { journal: Journal };
      parts.journal.maintain(Date.now() + 61_000);
      parts.journal.maintain(Date.now() + 700_000);
    });
    // A checkpoint is all that is left.
    expect((await shard.metrics()).logBytes).toBeLessThan(2_000);
    await abortAllDurableObjects();
    const again = env.TRACE_SHARD.get(shard.id);
    await append(again, [{ traceId: traceId(96), id: 1 }]);
    expect((await again.metrics()).counters.receivedSpans).toBe(2);
    await expectSumsToAgree(again);
  });

  it('adds up a trace that was forgotten and came again', async () => {
    const shard = freshShard();
    const id = traceId(97);
    await append(shard, [
      { traceId: id, id: 1, name: 'root' },
      { traceId: id, id: 2, parent: 1 },
    ]);
    await runDurableObjectAlarm(shard);
    await runInDurableObject(shard, (instance: TraceShard) => {
      const parts = instance as unknown as { journal: Journal };
      parts.journal.maintain(Date.now() + 61_000);
      parts.journal.maintain(Date.now() + 700_000);
    });
    for (const span of [3, 4]) {
      await append(shard, [{ traceId: id, id: span, parent: 1, service: 'late', error: true }]);
      await runInDurableObject(shard, async (instance: TraceShard) => {
        (instance as unknown as { decideDue(nowMs: number): void }).decideDue(Date.now() + 60_000);
      });
      await runDurableObjectAlarm(shard);
    }
    expect((await store.get(id))?.summary).toMatchObject({
      rootOperation: 'root',
      spanCount: 4,
      errorCount: 2,
      services: [
        { name: 'late', spanCount: 2, errorCount: 2 },
        { name: 'shop', spanCount: 2, errorCount: 0 },
      ],
      completeness: { rootEnded: true },
    });
    await expectSumsToAgree(shard);
  });

  it('stores a trace that is larger than a block in parts, and answers it whole', async () => {
    const shard = freshShard();
    const id = traceId(98);
    const name = 'x'.repeat(900_000);
    for (let i = 1; i <= 24; i++) {
      await append(shard, [{ traceId: id, id: i, name: `${i} ${name}`, ...(i > 1 ? { parent: 1 } : {}) }]);
    }
    expect((await shard.get(id, null))?.next).not.toBeNull();
    // An alarm that is under way already stores what it has found, and leaves the rest to the next one.
    for (let alarms = 0; alarms < 5; alarms++)
      await runInDurableObject(shard, (instance: TraceShard) => instance.alarm());
    const stored = await store.get(id);
    expect(stored?.summary).toMatchObject({ spanCount: 24 });
    expect(decodeSpans(stored!.otlp, 'kept')).toHaveLength(24);
    expect((await shard.metrics()).counters.storedParts).toBeGreaterThan(2);
    expect((await shard.catalog()).every((operation) => operation.name.length <= 512)).toBe(true);
    await expectSumsToAgree(shard);
  });

  it('reads and stores a trace of more spans and slices than one request may bring', async () => {
    const shard = freshShard();
    const id = traceId(99);
    for (let request = 0; request < 6; request++) {
      const writer = new AppendFrameWriter();
      for (let slice = 0; slice < 1_000; slice++) {
        const first = 1 + (request * 1_000 + slice) * 10;
        const spans = Array.from({ length: 10 }, (_, i) => ({
          traceId: id,
          id: first + i,
          ...(first + i > 1 ? { parent: 1 } : {}),
        }));
        const table = scanTraces(otlp(spans));
        writer.addSlice(table, table.goodRows(), 0, 10, 0);
      }
      expect(await shard.append(writer.finish(), TEST_TABLE)).toBe(true);
    }
    expect((await spansOf(shard, id))?.spans).toHaveLength(60_000);
    for (let alarms = 0; alarms < 5; alarms++)
      await runInDurableObject(shard, (instance: TraceShard) => instance.alarm());
    expect((await store.get(id))?.summary).toMatchObject({ spanCount: 60_000 });
    await expectSumsToAgree(shard);
  });

  it('decides in the row of what has come, and then needs an alarm more seldom', async () => {
    const shard = freshShard();
    const ALARM_MS = 60_000;
    const alarmAt = () => runInDurableObject(shard, (_, { storage }) => storage.getAlarm());
    const letDecide = () =>
      runInDurableObject(shard, (instance: TraceShard) => {
        (instance as unknown as { lastDecideMs: number }).lastDecideMs = 0;
      });
    const rowsOf = async (spans: readonly TestSpan[]) => {
      const { object_rows_written: before } = (await shard.metrics()).costs;
      await append(shard, spans);
      return (await shard.metrics()).costs.object_rows_written - before;
    };
    await append(shard, [{ traceId: traceId(120), id: 1 }]);
    await letDecide();
    expect(await rowsOf([{ traceId: traceId(121), id: 1 }])).toBe(1);
    expect((await shard.metrics()).counters.decidedTraces.probability).toBe(1);
    await runDurableObjectAlarm(shard);
    expect(await alarmAt()).toBeGreaterThan(Date.now() + 5 * ALARM_MS);
    expect((await shard.metrics()).outboxTraces).toBe(0);

    // Appends have ceased for so long that alarms must do it.
    await runInDurableObject(shard, (instance: TraceShard) => {
      (instance as unknown as { appendsDecidedMs: number }).appendsDecidedMs -= ALARM_MS;
    });
    await runDurableObjectAlarm(shard);
    expect(await alarmAt()).toBeLessThanOrEqual(Date.now() + ALARM_MS);
  });

  it('does not write again and again what it cannot settle while its log is over its budget', async () => {
    const shard = freshShard();
    await append(shard, [{ traceId: traceId(100), id: 2, parent: 1 }]);
    await runInDurableObject(shard, (instance: TraceShard) => {
      const { journal } = instance as unknown as { journal: Journal };
      Object.defineProperty(journal, 'options', {
        value: { ...(journal as unknown as { options: object }).options, maxBytes: () => 0 },
      });
      const { bytes } = journal.log;
      for (let i = 1; i < 10; i++) journal.maintain(Date.now() + i);
      expect(journal.log.buckets).toHaveLength(1);
      expect(journal.log.bytes).toBe(bytes);
    });
  });
});
