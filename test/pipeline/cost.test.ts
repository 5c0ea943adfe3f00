/** The cost meter against a count of its own around the bindings, the stubs and the storage that it counts. */
import { setTimeout } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { COST_CAUSES, COST_ITEMS, type Costs, costKey, dollarsOf, emptyCosts } from '../../model/costs.ts';
import { bundleEdge } from '../kit/bundle.ts';
import { startEdge } from '../kit/edge.ts';
import { otlp, traceId } from '../kit/spans.ts';
import { metrics } from './fixtures/edge-answers.ts';

const SHARDS = 2;
const TRACES = 60;
const CONFIG = { shards: SHARDS, probability: 1, quietMs: 100, alarmMs: 500, storing: { blockMs: 0 } };

it('counts what is billed, no more and no less', async () => {
  const module = await bundleEdge('test/kit/workers/counting.ts', 'dist/test/counting');
  const beganMs = performance.now();
  const edge = await startEdge({
    module,
    vars: { TAILRACE_OPEN: '1', TAILRACE_ADMIN_KEY: 'admin', TAILRACE_CONFIG: JSON.stringify(CONFIG) },
  });
  const counted = async () => (await (await fetch(`${edge.url}/v1/counts`)).json()) as Costs;
  try {
    for (let i = 1; i <= TRACES; i++) {
      const body = new Uint8Array(otlp([{ traceId: traceId(i), id: 1, error: i % 5 === 0 }]));
      const headers = { 'content-type': 'application/x-protobuf' };
      expect((await fetch(`${edge.url}/v1/traces`, { method: 'POST', headers, body })).status).toBe(200);
      await setTimeout(20);
    }
    const isStored = async () => (await metrics(edge.url)).get('tailrace_parts_stored_total') === TRACES;
    await vi.waitUntil(isStored, { timeout: 20_000, interval: 200 });
    // Reads, writes and deletes that only a Worker makes.
    for (const path of [`/api/traces/${traceId(1)}`, '/api/traces?limit=5', '/nothing']) await fetch(edge.url + path);
    await fetch(`${edge.url}/api/traces/${traceId(2)}`, {
      method: 'DELETE',
      headers: { authorization: 'Bearer admin' },
    });

    // What is counted only grows, also by asking: the meter's answer lies between what is counted before and after it.
    const before = await counted();
    const samples = await metrics(edge.url);
    const after = await counted();
    const meter = emptyCosts();
    for (const item of COST_ITEMS) for (const by of COST_CAUSES) meter[item] += samples.get(costKey(item, by)) ?? 0;
    for (const item of COST_ITEMS.filter((each) => each !== 'object_seconds')) {
      expect(meter[item], item).toBeGreaterThan(0);
      expect(meter[item], item).toBeGreaterThanOrEqual(before[item]);
      expect(meter[item], item).toBeLessThanOrEqual(after[item]);
      expect(after[item] - before[item], item).toBeLessThanOrEqual(20);
      const dollars = samples.get(`tailrace_cost_dollars_total{item="${item}"}`);
      expect(dollars, item).toBeCloseTo(dollarsOf(item, meter[item]), 12);
    }
    // Alarms alone take as long; all objects together at most all the time.
    expect(meter.object_seconds).toBeGreaterThanOrEqual(0.9 * before.object_seconds);
    expect(meter.object_seconds).toBeLessThan(((SHARDS + 2) * (performance.now() - beganMs)) / 1000);
  } finally {
    await edge.close();
  }
});
