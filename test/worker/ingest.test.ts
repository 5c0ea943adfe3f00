import { env, exports } from 'cloudflare:workers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '../../model/limits.ts';
import { TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import type { Trace } from '../../model/span.ts';
import { recordBatch } from '../kit/recorded-batch.ts';
import { otlp, randomTraceId, spanId } from '../kit/spans.ts';

const KEY = { authorization: 'Bearer test-ingest-key' };
const PROTOBUF = { ...KEY, 'content-type': 'application/x-protobuf' };
const JSON_TYPE = { ...KEY, 'content-type': 'application/json' };

function post(path: string, headers: Record<string, string>, body: BodyInit): Promise<Response> {
  return exports.default.fetch(new Request(`https://edge.test${path}`, { method: 'POST', headers, body }));
}

async function read(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return exports.default.fetch(
    new Request(`https://edge.test${path}`, { headers: { authorization: 'Bearer test-read-key', ...headers } }),
  );
}

async function trace(id: string): Promise<Trace> {
  const response = await read(`/api/traces/${id}`);
  expect(response.status).toBe(200);
  return response.json<Trace>();
}

/** google.rpc.Status in protobuf: code in field 1, message in field 2. */
async function statusOf(response: Response): Promise<{ code: number; message: string }> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect([bytes[0], bytes[2]]).toEqual([8, 18]);
  return { code: bytes[1]!, message: new TextDecoder().decode(bytes.subarray(bytes[3]! < 128 ? 4 : 5)) };
}

describe('POST /v1/traces', () => {
  it.each([
    ['plain', {}, (bytes: Uint8Array) => bytes],
    ['gzip', { 'content-encoding': 'gzip' }, gzipSync],
    ['zstd', { 'content-encoding': 'zstd' }, zstdCompressSync],
  ])('takes protobuf, %s', async (_, headers, encode) => {
    const id = randomTraceId();
    const response = await post('/v1/traces', { ...PROTOBUF, ...headers }, encode(otlp([{ traceId: id, id: 1 }])));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/x-protobuf');
    expect((await response.arrayBuffer()).byteLength).toBe(0);
    expect((await trace(id)).spans.map((span) => span.spanId)).toEqual([spanId(1)]);
  });

  it('takes JSON', async () => {
    const id = randomTraceId();
    const span = { traceId: id, spanId: spanId(1), name: 'n', startTimeUnixNano: '1790000000000000123', flags: 257 };
    const body = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
    const response = await post('/v1/traces', JSON_TYPE, JSON.stringify(body));
    expect([response.status, await response.json()]).toEqual([200, {}]);
    const download = await read(`/api/traces/${id}`, { accept: 'application/x-protobuf' });
    const message = fromBinary(TracesDataSchema, new Uint8Array(await download.arrayBuffer()));
    expect(message.resourceSpans[0]!.scopeSpans[0]!.spans[0]).toMatchObject({
      startTimeUnixNano: 1_790_000_000_000_000_123n,
      flags: 257,
    });
  });

  it('keeps good spans beside bad ones and says how many it refused, in protobuf and JSON', async () => {
    const id = randomTraceId();
    const message = fromBinary(
      TracesDataSchema,
      otlp([
        { traceId: id, id: 1 },
        { traceId: id, id: 2, name: 'broken' },
      ]),
    );
    message.resourceSpans[0]!.scopeSpans[0]!.spans[1]!.spanId = new Uint8Array(3);
    const response = await post('/v1/traces', PROTOBUF, toBinary(TracesDataSchema, message));
    expect(response.status).toBe(200);
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(Array.from(bytes.subarray(0, 4))).toEqual([10, bytes.length - 2, 8, 1]);
    expect(new TextDecoder().decode(bytes)).toContain('span 1 (broken): the span id must be 8 bytes');
    expect((await trace(id)).spans).toHaveLength(1);

    const spans = [{ traceId: 'no' }, { traceId: id, spanId: spanId(3), startTimeUnixNano: 1.79e18 }];
    const json = await post('/v1/traces', JSON_TYPE, JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }));
    expect(await json.json()).toEqual({
      partialSuccess: {
        rejectedSpans: '1',
        errorMessage: 'resourceSpans[0].scopeSpans[0].spans[0].traceId: want 32 hex digits',
      },
    });
    expect((await trace(id)).spans).toHaveLength(2);
  });

  it.each([
    [
      'a cut body',
      otlp([{ traceId: randomTraceId(), id: 1 }]).subarray(0, 50),
      {},
      400,
      'is not an OTLP trace request',
    ],
    ['text', new TextEncoder().encode('hello, world'), {}, 400, 'at byte'],
    ['bad gzip', new Uint8Array(10), { 'content-encoding': 'gzip' }, 400, 'not valid gzip'],
    ['an unknown encoding', new Uint8Array(1), { 'content-encoding': 'br' }, 415, 'use gzip, deflate, zstd'],
    ['a large body', new Uint8Array(MAX_BODY_BYTES + 1), {}, 413, `limit of ${MAX_BODY_BYTES} bytes`],
    [
      'a decompression bomb',
      gzipSync(new Uint8Array(MAX_BODY_BYTES + 1)),
      { 'content-encoding': 'gzip' },
      413,
      'the decompressed body is larger',
    ],
  ])('refuses %s with a status in protobuf', async (_, body, headers, status, message) => {
    const response = await post('/v1/traces', { ...PROTOBUF, ...headers }, body);
    expect(response.status).toBe(status);
    expect((await statusOf(response)).message).toContain(message);
  });

  it.each([
    ['text', 'hello', 'is not OTLP/JSON'],
    ['invalid UTF-8', Uint8Array.of(34, 255, 34), 'is not OTLP/JSON'],
    ['an array', '[]', 'want an object'],
    ['a wrong shape', '{"resourceSpans": [{"scopeSpans": 5}]}', 'resourceSpans[0].scopeSpans: want an array'],
  ])('refuses %s with a status in JSON', async (_, body, message) => {
    const response = await post('/v1/traces', JSON_TYPE, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 3, message: expect.stringContaining(message) });
  });

  it.each([
    ['spans', Uint8Array.from({ length: 400_000 }, (_, i) => [18, 0][i % 2]!), [10, 18]],
    ['resources', Uint8Array.from({ length: 400_000 }, (_, i) => [10, 0][i % 2]!), []],
  ])('refuses more %s than an isolate can hold, however small they are', async (_, inner, wrap) => {
    let body = inner;
    for (const tag of wrap.toReversed()) {
      const length = [];
      for (let rest = body.length; ; rest >>= 7) {
        length.push(rest > 127 ? (rest & 127) | 128 : rest);
        if (rest <= 127) break;
      }
      body = Uint8Array.from([tag, ...length, ...body]);
    }
    const response = await post('/v1/traces', PROTOBUF, body);
    expect(response.status).toBe(413);
    expect((await statusOf(response)).message).toMatch(/more than \d+ (spans|resources)/);
  });

  it('refuses a small request that cutting by trace would make huge', async () => {
    const message = fromBinary(TracesDataSchema, otlp([{ traceId: randomTraceId(), id: 1 }]));
    const [resourceSpans] = message.resourceSpans;
    const [span] = resourceSpans!.scopeSpans[0]!.spans;
    resourceSpans!.resource!.attributes[0]!.value!.value = { case: 'stringValue', value: 's'.repeat(60_000) };
    resourceSpans!.scopeSpans[0]!.spans = Array.from({ length: 1_000 }, (_, i) => ({
      ...span!,
      traceId: crypto.getRandomValues(new Uint8Array(16)),
      spanId: new Uint8Array(8).fill(1 + (i % 200)),
    }));
    const response = await post('/v1/traces', PROTOBUF, toBinary(TracesDataSchema, message));
    expect(response.status).toBe(413);
    expect((await statusOf(response)).message).toContain('cut by trace');
  });

  it('refuses a small request whose service has a long name and very many operations', async () => {
    const message = fromBinary(TracesDataSchema, otlp([{ traceId: randomTraceId(), id: 1 }]));
    const [resourceSpans] = message.resourceSpans;
    const [span] = resourceSpans!.scopeSpans[0]!.spans;
    resourceSpans!.resource!.attributes[0]!.value!.value = { case: 'stringValue', value: '\u4e00'.repeat(600) };
    resourceSpans!.scopeSpans[0]!.spans = Array.from({ length: 20_000 }, (_, i) => ({ ...span!, name: `${i}` }));
    const response = await post('/v1/traces', PROTOBUF, toBinary(TracesDataSchema, message));
    expect(response.status).toBe(413);
    expect((await statusOf(response)).message).toContain('bytes of operations');
    const after = randomTraceId();
    expect((await post('/v1/traces', PROTOBUF, otlp([{ traceId: after, id: 1 }]))).status).toBe(200);
    expect((await trace(after)).spans).toHaveLength(1);
  });

  it('rejects spans under a resource that is too large to be copied into each trace', async () => {
    const message = fromBinary(TracesDataSchema, otlp([{ traceId: randomTraceId(), id: 1 }]));
    message.resourceSpans[0]!.resource!.attributes[0]!.value!.value = {
      case: 'stringValue',
      value: 's'.repeat(70_000),
    };
    const response = await post('/v1/traces', PROTOBUF, toBinary(TracesDataSchema, message));
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('resource and scope');
  });

  it('names the content types it takes', async () => {
    const response = await post('/v1/traces', { ...KEY, 'content-type': 'text/html' }, '<p>');
    expect(response.status).toBe(415);
    expect((await response.json<{ message: string }>()).message).toContain(
      'application/x-protobuf or application/json',
    );
  });
});

describe('keys', () => {
  it.each([
    ['POST', '/v1/traces', {}, 401],
    ['POST', '/v1/traces', { authorization: 'Bearer wrong' }, 401],
    ['POST', '/v1/traces', { authorization: 'Bearer test-read-key' }, 401],
    ['POST', '/v1/batch', {}, 401],
    ['POST', '/v1/batch?key=wrong', {}, 401],
    ['GET', '/api/traces', {}, 401],
    ['GET', '/api/traces', { authorization: 'Bearer test-ingest-key' }, 401],
    ['GET', '/metrics', {}, 401],
    ['GET', '/api/traces', { cookie: 'tailrace_read=test-read-key' }, 200],
    ['GET', '/health', {}, 200],
  ])('%s %s with %j: %i', async (method, path, headers, status) => {
    const response = await exports.default.fetch(new Request(`https://edge.test${path}`, { method, headers }));
    expect(response.status).toBe(status);
    await response.arrayBuffer();
  });

  it('is closed to everything but /health while no keys are configured', async () => {
    const { default: worker } = await import('../../worker/index.ts');
    const context = { waitUntil() {}, passThroughOnException() {} } as unknown as ExecutionContext;
    const closed = { ...env, TAILRACE_INGEST_KEY: '', TAILRACE_READ_KEY: '', TAILRACE_ADMIN_KEY: '' };
    const status = async (path: string, method: string) =>
      (await worker.fetch(new Request(`https://edge.test${path}`, { method }) as never, closed, context)).status;
    expect(await status('/health', 'GET')).toBe(200);
    expect(await status('/v1/traces', 'POST')).toBe(503);
    expect(await status('/v1/batch?key=', 'POST')).toBe(503);
    expect(await status('/api/traces', 'GET')).toBe(503);
    expect(await status('/login', 'POST')).toBe(503);
  });

  it('logs in with the read key into a cookie that scripts cannot read', async () => {
    const login = (key: string) => post('/login', { 'content-type': 'application/json' }, JSON.stringify({ key }));
    expect((await login('wrong')).status).toBe(401);
    const cookie = (await login('test-read-key')).headers.get('set-cookie')!;
    expect(cookie).toMatch(/tailrace_read=test-read-key;.*HttpOnly;.*Secure;.*SameSite=Strict/i);
  });
});

it('answers a preflight and lets pages read why they were refused', async () => {
  const preflight = await exports.default.fetch(
    new Request('https://edge.test/v1/traces', {
      method: 'OPTIONS',
      headers: { origin: 'https://shop.test', 'access-control-request-method': 'POST' },
    }),
  );
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
  const refused = await post('/v1/batch', { origin: 'https://shop.test' }, 'x');
  expect(refused.status).toBe(401);
  expect(refused.headers.get('access-control-allow-origin')).toBe('*');
  expect(refused.headers.get('access-control-expose-headers')).toMatch(/retry-after/i);
});

it('counts what an SDK says it has lost', async () => {
  const headers = { ...PROTOBUF, 'tailrace-lost-spans': 'unreachable=3,nonsense=9,too_many_spans=2' };
  await post('/v1/traces', headers, otlp([{ traceId: randomTraceId(), id: 1 }]));
  const text = new TextDecoder().decode(await (await read('/metrics')).arrayBuffer());
  expect(text).toContain('tailrace_spans_dropped_total{reason="unreachable"} 3\n');
  expect(text).toContain('tailrace_spans_dropped_total{reason="too_many_spans"} 2\n');
  expect(text).not.toContain('nonsense');
});

it('counts what pages say they have counted and lost', async () => {
  const { bytes } = recordBatch({
    resource: [['service.name', 'shop']],
    dropped: { exit_budget: 4 },
    counts: { recorded: 50, sent: 60, retried: 20, saved: 7 },
  });
  const send = () => post('/v1/batch?key=test-ingest-key', { 'content-type': 'text/plain' }, bytes);
  expect((await send()).status).toBe(200);
  expect((await send()).status).toBe(200);
  const text = new TextDecoder().decode(await (await read('/metrics')).arrayBuffer());
  expect(text).toContain('tailrace_spans_dropped_total{reason="exit_budget"} 8\n');
  for (const [count, spans] of Object.entries({ recorded: 100, sent: 120, retried: 40, saved: 14 })) {
    expect(text).toContain(`tailrace_page_spans_total{count="${count}"} ${spans}\n`);
  }
});

it('reports sums that agree', async () => {
  const text = new TextDecoder().decode(await (await read('/metrics')).arrayBuffer());
  expect(text.endsWith('# EOF\n')).toBe(true);
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:{[^}]*})? (\\d+)$`, 'gm'))].reduce((total, [, n]) => total + Number(n), 0);
  const received = sum('tailrace_spans_received_total');
  expect(received).toBeGreaterThan(5);
  expect(sum('tailrace_spans_rejected_total')).toBeGreaterThan(1);
  expect(sum('tailrace_spans_refused_total')).toBe(1_000 + 20_000);
  expect(received).toBe(
    sum('tailrace_spans_accepted_total') + sum('tailrace_spans_rejected_total') + sum('tailrace_spans_refused_total'),
  );
  expect(sum('tailrace_spans_accepted_total')).toBe(
    sum('tailrace_spans_merged_total') + sum('tailrace_live_spans') + sum('tailrace_spans_decided_total'),
  );
  expect(sum('tailrace_requests_rejected_total')).toBeGreaterThan(10);
});
