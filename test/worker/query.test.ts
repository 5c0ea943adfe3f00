import { runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { ApiError, TraceList, TraceSummary } from '../../model/span.ts';
import { otlp, randomTraceId, TEST_START_US, type TestSpan, traceId } from '../kit/spans.ts';

const HOUR_US = 3_600_000_000;

async function send(spans: readonly TestSpan[]): Promise<void> {
  const response = await exports.default.fetch(
    new Request('https://edge.test/v1/traces', {
      method: 'POST',
      headers: { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' },
      body: otlp(spans),
    }),
  );
  expect(response.status).toBe(200);
}

function get(path: string): Promise<Response> {
  return exports.default.fetch(
    new Request(`https://edge.test${path}`, { headers: { authorization: 'Bearer test-read-key' } }),
  );
}

async function search(params: Record<string, string>): Promise<TraceList> {
  const response = await get(`/api/traces?${new URLSearchParams(params)}`);
  expect(response.status).toBe(200);
  return response.json<TraceList>();
}

/** Decides and stores what is complete. */
async function decideAll(): Promise<void> {
  for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
}

describe('GET /api/traces', () => {
  it('finds live and kept traces by every condition, each once, newest first, page by page', async () => {
    const startUs = TEST_START_US + 10 * HOUR_US;
    const range = { start: String(startUs), end: String(startUs + HOUR_US - 1) };
    expect(await search(range)).toEqual({ traces: [], cursor: null, complete: true });
    const ids = Array.from({ length: 25 }, (_, i) => traceId(1_000 + i));
    const spansOf = (id: string, i: number): TestSpan[] => [
      { traceId: id, id: 1, name: 'GET /cart', startUs: startUs + i, durationUs: 1_000 * (i + 1), error: i % 5 === 0 },
      { traceId: id, id: 2, parent: 1, service: i % 2 ? 'orders' : 'stock', name: 'work', startUs: startUs + i },
    ];
    for (const [i, id] of ids.slice(0, 15).entries()) await send(spansOf(id, i));
    await decideAll();
    for (const [i, id] of ids.slice(15).entries()) await send(spansOf(id, i + 15));

    const all = await search({ ...range, limit: '100' });
    expect(all.cursor).toBeNull();
    expect(all.traces.map((trace) => trace.traceId)).toEqual(ids.toReversed());
    expect(new Set(all.traces.map((trace) => trace.state))).toEqual(new Set(['live', 'kept']));

    const paged: TraceSummary[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: TraceList = await search({ ...range, limit: '4', ...(cursor ? { cursor } : {}) });
      expect(page.traces.length).toBeLessThanOrEqual(4);
      paged.push(...page.traces);
      cursor = page.cursor;
    }
    expect(paged).toEqual(all.traces);

    const found = async (params: Record<string, string>) =>
      (await search({ ...range, limit: '100', ...params })).traces.map((trace) => ids.indexOf(trace.traceId)).reverse();
    const where = (condition: (i: number) => boolean) => [...ids.keys()].filter(condition);
    expect(await found({ service: 'orders' })).toEqual(where((i) => i % 2 === 1));
    expect(await found({ service: 'orders', operation: 'work' })).toEqual(where((i) => i % 2 === 1));
    expect(await found({ service: 'orders', operation: 'GET /cart' })).toEqual([]);
    expect(await found({ operation: 'GET /cart', minDuration: '20ms' })).toEqual(where((i) => i >= 19));
    expect(await found({ maxDuration: '0.005s' })).toEqual(where((i) => i < 5));
    expect(await found({ status: 'error' })).toEqual(where((i) => i % 5 === 0));
    expect(await found({ status: 'ok', service: 'stock' })).toEqual(where((i) => i % 5 !== 0 && i % 2 === 0));
    expect(await found({ tags: 'test.id:1,service.name:orders' })).toEqual(where((i) => i % 2 === 1));
    expect(await found({ tags: 'root.test.id:2' })).toEqual([]);
    expect(await found({ tags: 'test.id:"1"' })).toEqual([]);
    expect(await found({ tags: 'resource.service.name:stock', minDuration: '3ms', q: 'duration>=20ms' })).toEqual(
      where((i) => i >= 19 && i % 2 === 0),
    );
    expect(await found({ q: 'service=stock status=error', service: 'stock', maxDuration: '1ms' })).toEqual([0]);
    expect(await found({ q: 'root.operation="GET /cart" test.id>1', service: 'orders' })).toEqual(
      where((i) => i % 2 === 1),
    );
  });
});

describe('GET /api/traces/{id}', () => {
  it('says so when an id is impossible or unknown', async () => {
    const bad = await get('/api/traces/xyz');
    expect([bad.status, (await bad.json<ApiError>()).error.code]).toEqual([400, 'bad_trace_id']);
    const unknown = await get(`/api/traces/${randomTraceId()}`);
    expect([unknown.status, (await unknown.json<ApiError>()).error.code]).toEqual([404, 'not_found']);
  });

  it('answers a dropped trace while its spans are in the log', async () => {
    const id = traceId(5_000, false);
    await send([{ traceId: id, id: 1 }]);
    await decideAll();
    const response = await get(`/api/traces/${id.toUpperCase()}`);
    expect(await response.json()).toMatchObject({
      traceId: id,
      state: 'dropped',
      decision: { keep: false, reason: 'not_sampled' },
      completeness: { rootEnded: true, missingParents: 0, openSpans: 0 },
      spans: [
        { name: 'operation-1', kind: 'server', state: 'ended', resource: { attributes: { 'service.name': 'shop' } } },
      ],
    });
  });
});

it('lists services and operations', async () => {
  await send([{ traceId: randomTraceId(), id: 1, service: 'catalog-test', name: 'list' }]);
  const { services } = await (await get('/api/services')).json<{ services: { name: string }[] }>();
  expect(services).toContainEqual(expect.objectContaining({ name: 'catalog-test', live: true }));
  expect(await (await get('/api/operations?service=catalog-test')).json()).toEqual({
    operations: [{ service: 'catalog-test', name: 'list' }],
  });
  expect(await (await get('/api/services/catalog-test/operations')).json()).toMatchObject({
    operations: [{ service: 'catalog-test', name: 'list', red: [] }],
  });
});

it('answers an unknown path with the API’s error', async () => {
  const response = await get('/api/nothing');
  expect([response.status, (await response.json<ApiError>()).error.code]).toEqual([404, 'not_found']);
});
