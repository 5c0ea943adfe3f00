/** A slice says that what its sender did not sample is sent too; the shard knows it whatever becomes of its log. */
import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { Journal } from '../../durable-objects/journal.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { AppendFrameWriter } from '../../model/append-frame.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { SLICE_HAS_UNSAMPLED } from '../../model/slice-frame.ts';
import { TEST_TABLE, type TestSpan, toSpanData, traceId } from '../kit/spans.ts';

type Stub = ReturnType<typeof env.TRACE_SHARD.getByName>;

/** A span of a trace that its head sampled with 1 in 4. */
async function append(shard: Stub, span: TestSpan, flags: number): Promise<void> {
  const table = scanTraces(
    encodeTracesData([['service.name', 'shop']], [{ ...toSpanData(span), traceState: 'ot=th:c' }]),
  );
  const writer = new AppendFrameWriter();
  expect(writer.addSlice(table, table.goodRows(), 0, 1, flags)).toBe(true);
  expect(await shard.append(writer.finish(), TEST_TABLE)).toBe(true);
}

const maintain = (shard: Stub, afterMs: number) =>
  runInDurableObject(shard, (instance: TraceShard) =>
    (instance as unknown as { journal: Journal }).journal.maintain(Date.now() + afterMs),
  );

// What is kept by chance stands for 1/min(p of the head, p of the rule), which is 0.5 here.
it.each([
  ['sent', SLICE_HAS_UNSAMPLED, 2],
  ['left out', 0, 4],
])('where unsampled spans are %s, after a crash and after its bucket was dropped too', async (name, flags, rate) => {
  for (const [i, upheaval] of ['none', 'crash', 'move', 'move and crash'].entries()) {
    const shard = env.TRACE_SHARD.getByName(`unsampled-${name}-${i}`);
    const id = traceId(500 + i + 10 * flags);
    await append(shard, { traceId: id, id: 2, parent: 1 }, flags);
    if (upheaval.includes('move')) {
      await maintain(shard, 61_000);
      await maintain(shard, 700_000);
    }
    if (upheaval.includes('crash')) await abortAllDurableObjects();
    const again = env.TRACE_SHARD.get(shard.id);
    // Of another sender, which sent only what was sampled.
    await append(again, { traceId: id, id: 1 }, 0);
    await runDurableObjectAlarm(again);
    expect((await again.get(id, null))?.decision, upheaval).toMatchObject({ keep: true, rate });
  }
});
