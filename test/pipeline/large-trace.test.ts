/** The largest traces there may be, through the edge as it is built. */

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CompareAnswer } from '../../model/difference.ts';
import type { JaegerTrace } from '../../model/jaeger/trace-json.ts';
import type { Trace } from '../../model/span.ts';
import type { TimelineAnswer } from '../../model/timeline.ts';
import { startEdge, type TestEdge } from '../kit/edge.ts';
import { type LargeTrace, largeTrace } from '../kit/large-trace.ts';
import { randomTraceId } from '../kit/spans.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.close());

async function send(trace: LargeTrace): Promise<void> {
  for (const body of largeTrace(trace, 4_000)) {
    const headers = { 'content-type': 'application/x-protobuf' };
    const response = await fetch(`${edge.url}/v1/traces`, { method: 'POST', headers, body: body.slice() });
    expect([response.status, await response.text()]).toEqual([200, expect.anything()]);
  }
}

async function read<T>(path: string): Promise<T> {
  const response = await fetch(`${edge.url}${path}`);
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Until all of it is in the store, and nothing in a shard. */
async function settled(traceId: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${edge.url}/api/traces/${traceId}?format=otlp`);
    await response.arrayBuffer();
    if (response.headers.has('etag')) return;
    await setTimeout(100);
  }
}

const now = () => 1_000 * (Date.now() - 60_000);

it('tells of 32,000 spans, 10,000 deep, live and stored', async () => {
  const trace = { traceId: randomTraceId(), spans: 32_000, depth: 10_000, startUs: now() };
  await send(trace);
  const { traceId } = trace;
  const live = await read<TimelineAnswer>(`/api/traces/${traceId}/timeline`);
  expect([live.rows.length, Math.max(...live.rows.map(({ depth }) => depth))]).toEqual([32_000, 10_000]);
  await settled(traceId);
  const timeline = await read<TimelineAnswer>(`/api/traces/${traceId}/timeline`);
  expect(timeline).toMatchObject({
    state: 'kept',
    headless: false,
    completeness: { rootEnded: true, missingParents: 0 },
  });
  expect(timeline.rows.map(({ spanId }) => spanId)).toEqual(live.rows.map(({ spanId }) => spanId));
  const isSelf = timeline.criticalPath.every(({ row, durationUs }) => durationUs <= timeline.rows[row]!.selfUs);
  expect(isSelf).toBe(true);
  expect(timeline.criticalPath.reduce((sum, each) => sum + each.durationUs, 0)).toBe(timeline.rows[0]!.durationUs);
  expect(timeline.clocks.length).toBe(10);
  // Seven seconds ahead, each of the one before it.
  for (const { service, minUs, maxUs } of timeline.clocks) {
    const offsetUs = -7_000_000 * Number(service.split('-')[1]);
    expect(offsetUs).toBeGreaterThanOrEqual(minUs!);
    expect(offsetUs).toBeLessThanOrEqual(maxUs!);
  }
  expect((await read<{ data: JaegerTrace[] }>(`/api/traces/${traceId}?format=jaeger`)).data[0]!.spans.length).toBe(
    32_000,
  );
});

it('compares 5,000 spans with 5,000 others', async () => {
  const [a, b] = [0, 1].map((i) => ({ traceId: randomTraceId(), spans: 5_000 - i, startUs: now() }));
  await send(a!);
  await send(b!);
  await settled(a!.traceId);
  const spans = (await read<Trace>(`/api/traces/${a!.traceId}`)).spans;
  expect(spans.length).toBe(5_000);
  const answer = await read<CompareAnswer>(`/api/compare?a=${a!.traceId}&b=${b!.traceId}`);
  expect(answer.a.spanCount - answer.b.spanCount).toBe(1);
  expect(answer.matched.length + answer.onlyInA.length).toBe(5_000);
  expect(answer.onlyInA.length - answer.onlyInB.length).toBe(1);
});
