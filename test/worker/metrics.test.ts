import { createExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import worker from '../../worker/index.ts';
import { parseOpenMetrics } from '../kit/openmetrics.ts';
import { otlp, randomTraceId } from '../kit/spans.ts';

function post(body: Uint8Array | string, type = 'application/x-protobuf'): Promise<Response> {
  const headers = { authorization: 'Bearer test-ingest-key', 'content-type': type };
  return exports.default.fetch('https://edge.test/v1/traces', { method: 'POST', headers, body });
}

async function metrics(): Promise<Map<string, number>> {
  const headers = { authorization: 'Bearer test-read-key' };
  const answer = await exports.default.fetch('https://edge.test/metrics', { headers });
  expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  return parseOpenMetrics(new TextDecoder().decode(await answer.arrayBuffer()));
}

it('is OpenMetrics, whatever has happened', async () => {
  expect((await metrics()).size).toBeGreaterThan(100);
});

it('counts spans and bytes by protocol and outcome, and how long requests took', async () => {
  const good = otlp([{ traceId: randomTraceId(), id: 1 }]);
  const spans = [
    { traceId: 'no' },
    { traceId: randomTraceId(), spanId: '00000000000000aa', startTimeUnixNano: '1790000000000000000' },
  ];
  await post(good);
  await post(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }), 'application/json');
  // Cut by trace it grows beyond measure.
  const many = Array.from({ length: 500 }, (_, i) => ({
    traceId: randomTraceId(),
    id: i + 1,
    service: 's'.repeat(60_000),
  }));
  expect((await post(otlp(many))).status).toBe(413);
  await post('nonsense');

  const after = await metrics();
  const count = (unit: string, protocol: string, outcome: string) =>
    after.get(`tailrace_ingest_${unit}_total{protocol="${protocol}",outcome="${outcome}"}`);
  expect(['accepted', 'rejected', 'refused'].map((outcome) => count('spans', 'otlp_protobuf', outcome))).toEqual([
    1, 0, 500,
  ]);
  expect(['accepted', 'rejected', 'refused'].map((outcome) => count('spans', 'otlp_json', outcome))).toEqual([1, 1, 0]);
  expect(count('bytes', 'otlp_protobuf', 'accepted')).toBe(good.length);
  expect(count('bytes', 'otlp_protobuf', 'refused')).toBe(otlp(many).length);
  expect(after.get('tailrace_ingest_seconds_count{protocol="otlp_protobuf"}')).toBe(2);
  expect(after.get('tailrace_ingest_seconds_bucket{protocol="otlp_json",le="+Inf"}')).toBe(1);
  expect(after.get('tailrace_spans_rejected_total{reason="invalid_trace_id"}')).toBe(1);
  const empty = encodeTracesData([], []);
  await post(empty);
  expect((await metrics()).get('tailrace_ingest_seconds_count{protocol="otlp_protobuf"}')).toBe(3);
});

it('counts requests that are wrong by what is wrong with them', async () => {
  const ask = async (method: string, path: string, more: Record<string, string> = {}) => {
    const headers = { authorization: 'Bearer test-ingest-key', ...more };
    return (await exports.default.fetch(`https://edge.test${path}`, { method, headers })).status;
  };
  const socket = { upgrade: 'websocket', 'sec-websocket-protocol': 'chat' };
  const before = await metrics();
  expect(await ask('GET', '/v1/traces')).toBe(405);
  expect(await ask('PUT', '/api/v2/spans')).toBe(405);
  expect(await ask('POST', '/v1/logs')).toBe(404);
  expect(await ask('GET', '/v1/stream')).toBe(426);
  expect(await ask('GET', '/v1/stream', socket)).toBe(400);
  expect(await ask('POST', '/v1/traces', { authorization: 'Bearer wrong' })).toBe(401);
  // No way in.
  expect(await ask('GET', '/nowhere')).toBe(404);
  const after = await metrics();
  const counted = [...after].flatMap(([name, value]) => {
    const more = value - (before.get(name) ?? 0);
    const reason = /^tailrace_requests_rejected_total{reason="(.*)"}$/.exec(name)?.[1];
    return reason && more > 0 ? [[reason, more]] : [];
  });
  expect(Object.fromEntries(counted)).toEqual({
    method_not_allowed: 2,
    not_found: 1,
    upgrade_required: 1,
    bad_request: 1,
    unauthorized: 1,
  });
});

it.each([
  ['fails', () => Promise.reject(new Error('away on purpose'))],
  ['does not answer', () => new Promise<never>(() => {})],
])('has what there is when a shard %s, and no counter that falls', async (_, metricsOfOne) => {
  await post(otlp(Array.from({ length: 40 }, () => ({ traceId: randomTraceId(), id: 1 }))));
  const before = await metrics();
  expect(before.get('tailrace_shards_unanswered')).toBe(0);
  const namespace = {
    getByName: (name: string) => (name === 'shard-1' ? { metrics: metricsOfOne } : env.TRACE_SHARD.getByName(name)),
  };
  const bindings: Env = { ...env, TRACE_SHARD: namespace as unknown as Env['TRACE_SHARD'] };
  const request = new Request('https://edge.test/metrics', { headers: { authorization: 'Bearer test-read-key' } });
  const answer = await worker.fetch(request as never, bindings, createExecutionContext());
  expect(answer.status).toBe(200);
  const partial = parseOpenMetrics(new TextDecoder().decode(await answer.arrayBuffer()));
  expect(partial.get('tailrace_shards_unanswered')).toBe(1);
  const answered = (all: Map<string, number>) =>
    [...all].reduce((sum, [name, value]) => sum + (name.startsWith('tailrace_shards{') ? value : 0), 0);
  expect(answered(partial)).toBe(answered(before) - 1);
  expect(partial.get('tailrace_ingest_spans_total{protocol="otlp_protobuf",outcome="accepted"}')).toBeGreaterThan(0);
  expect(partial.has('tailrace_spans_accepted_total')).toBe(false);
  for (const [name, value] of partial) {
    if (/_(total|count|sum|bucket)\b/.test(name))
      expect([name, value]).toEqual([name, expect.toSatisfy((now: number) => now >= before.get(name)!)]);
  }
});

it.each([
  ['no end', 'a 1\n', 'does not end'],
  ['no type', 'a 1\n# EOF\n', 'without a type'],
  ['no _total', '# TYPE a counter\n# HELP a b\na 1\n# EOF\n', 'not of its family'],
  ['two of a kind', '# TYPE a gauge\n# HELP a b\na 1\na 2\n# EOF\n', 'twice'],
  ['bad labels', '# TYPE a gauge\n# HELP a b\na{b=c} 1\n# EOF\n', 'not labels'],
  ['bad numbers', '# TYPE a gauge\n# HELP a b\na undefined\n# EOF\n', 'not a number'],
  [
    'a split family',
    '# TYPE a gauge\n# HELP a b\na 1\n# TYPE b gauge\n# HELP b b\nb 1\n# TYPE a gauge\n# EOF\n',
    'one piece',
  ],
  [
    'falling buckets',
    '# TYPE a histogram\n# HELP a b\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_count 1\na_sum 1\n# EOF\n',
    'ascend',
  ],
])('its reader knows %s', (_, text, fault) => {
  expect(() => parseOpenMetrics(text)).toThrow(fault);
});
