/** The number of shards changes while spans flow, through isolates of which some know only the table before. */

import { setTimeout } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import type { RoutingTable } from '../../model/routing.ts';
import type { Trace, TraceList } from '../../model/span.ts';
import { bundleEdge } from '../kit/bundle.ts';
import { startEdge } from '../kit/edge.ts';
import { pickSeed, seededRandom } from '../kit/random.ts';
import { otlp, randomTraceId, spanId, TEST_START_US } from '../kit/spans.ts';
import { inParallel, metrics, sum } from './fixtures/edge-answers.ts';

const CONFIG = {
  probability: 1,
  alarmMs: 100,
  quietMs: 200,
  completion: { minQuietMs: 200, maxQuietMs: 1_000 },
  storing: { blockMs: 0 },
};
const SPANS = 6;
const SENDERS = 8;
/** More and fewer: each is in force for so long before the next comes. */
const SHARDS = [4, 7, 3];
const PHASE_MS = 4_000;

it('splits no trace, loses no span and decides nothing twice', { timeout: 120_000, retry: 0 }, async () => {
  const random = seededRandom(pickSeed(process.env.SEED));
  const configOf = (shards: number) => JSON.stringify({ ...CONFIG, shards, headlessQuietMs: 60_000 });
  const edge = await startEdge({
    module: await bundleEdge('test/kit/workers/behind.ts', 'dist/test/behind'),
    assets: false,
    vars: { TAILRACE_OPEN: '1', TAILRACE_CONFIG: configOf(SHARDS[0]!) },
  });
  const routing = async () => {
    const answer = await fetch(`${edge.url}/api/config`);
    return ((await answer.json()) as { routing: { version: number; shards: number; draining: number[] } }).routing;
  };
  const tableNow = async (): Promise<RoutingTable> => {
    const { version, shards, draining } = await routing();
    return { version, shards, former: draining, highest: Math.max(...SHARDS) };
  };
  try {
    /** What a sender that is behind knows. */
    let old = await tableNow();
    const traces: { readonly id: string; sent: number }[] = [];
    const statuses = new Map<number, number>();
    let isOver = false;

    const send = async (batch: readonly (typeof traces)[number][], isBehind: boolean) => {
      // The root comes last, so that nothing is decided before all of it is there.
      const spans = batch.map(({ id, sent }) =>
        sent === SPANS - 1
          ? { traceId: id, id: 1, service: 'shop' }
          : { traceId: id, id: sent + 2, parent: 1, service: 'shop', name: `step ${sent}` },
      );
      const headers: Record<string, string> = { 'content-type': 'application/x-protobuf' };
      if (isBehind) headers['test-table'] = JSON.stringify(old);
      for (;;) {
        const body = new Uint8Array(otlp(spans));
        const answer = await fetch(`${edge.url}/v1/traces`, { method: 'POST', headers, body });
        await answer.arrayBuffer();
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (answer.status === 200) break;
        if (answer.status !== 429 && answer.status !== 503) throw new Error(`answered ${answer.status}`);
        await setTimeout(100);
      }
      for (const trace of batch) trace.sent++;
    };
    const sender = async (isBehind: boolean) => {
      const own: typeof traces = [];
      while (!isOver || own.length > 0) {
        if (!isOver) {
          const id = randomTraceId();
          own.push({ id, sent: 0 });
          traces.push(own.at(-1)!);
        }
        // Of each trace's spans one comes by each of several requests, some seconds from first to last.
        const batch = own.filter(() => isOver || random() < 0.1);
        if (batch.length > 0) await send(batch, isBehind !== random() < 0.3);
        for (let i = own.length - 1; i >= 0; i--) if (own[i]!.sent === SPANS) own.splice(i, 1);
        await setTimeout(20);
      }
    };
    const running = Array.from({ length: SENDERS }, (_, i) => sender(i % 2 === 0));
    await setTimeout(PHASE_MS);
    for (const [i, shards] of SHARDS.slice(1).entries()) {
      old = await tableNow();
      const answer = await fetch(`${edge.url}/api/config`, { method: 'PUT', body: configOf(shards) });
      expect(answer.status).toBe(200);
      expect(await routing()).toMatchObject({ shards, draining: SHARDS.slice(0, i + 1) });
      await setTimeout(PHASE_MS);
    }
    isOver = true;
    await Promise.all(running);
    expect(traces.length).toBeGreaterThan(500);

    await vi.waitUntil(async () => (await metrics(edge.url)).get('tailrace_live_traces') === 0, {
      timeout: 20_000,
      interval: 200,
    });
    await vi.waitUntil(async () => (await metrics(edge.url)).get('tailrace_outbox_traces') === 0, {
      timeout: 20_000,
      interval: 200,
    });
    const counted = await metrics(edge.url);
    expect(sum(counted, 'tailrace_traces_decided_total')).toBe(traces.length);
    expect(counted.get('tailrace_parts_stored_total')).toBe(traces.length);
    expect(counted.get('tailrace_spans_stored_total')).toBe(traces.length * SPANS);
    expect(counted.get('tailrace_spans_late_total')).toBe(0);
    expect(counted.get('tailrace_statistics_spans{count="measured"}')).toBe(traces.length * SPANS);
    // What was sent again after a refusal is the same again.
    if (!statuses.has(429) && !statuses.has(503)) expect(counted.get('tailrace_spans_merged_total')).toBe(0);
    const all = Array.from({ length: SPANS }, (_, i) => spanId(i + 1));
    await inParallel(traces, async ({ id }) => {
      const trace = (await (await fetch(`${edge.url}/api/traces/${id}`)).json()) as Trace;
      expect([trace.state, trace.spans.map((span) => span.spanId).sort()]).toEqual(['kept', all]);
    });
    const { traces: found } = (await (
      await fetch(`${edge.url}/api/traces?service=shop&limit=1000&start=${TEST_START_US}&end=${TEST_START_US}`)
    ).json()) as TraceList;
    expect(new Set(found.map(({ traceId }) => traceId)).size).toBe(Math.min(1_000, traces.length));
    console.log(`${traces.length} traces; answers: ${[...statuses].join(' ')}`);
  } finally {
    await edge.close();
  }
});
