import { createExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { deflateSync, gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { DEFLATED, HEADER_BYTES, VERSION } from '../../model/batch/format.ts';
import { TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import { TraceService } from '../../model/otlp/gen/trace_service_pb.js';
import type { Trace } from '../../model/span.ts';
import { ListOfSpansSchema, Span_Kind, SpanSchema } from '../../model/zipkin/gen/zipkin_pb.js';
import type { HttpError } from '../../worker/errors.ts';
import worker from '../../worker/index.ts';
import { readDecompressedBody } from '../../worker/ingest/body.ts';
import { EXPORT_PATH } from '../../worker/ingest/grpc-web.ts';
import { InFlight } from '../../worker/ingest/in-flight.ts';
import { otlp, randomTraceId, spanId } from '../kit/spans.ts';
import { BATCH_TRACE_ID, BATCHES } from '../model/fixtures/batches.ts';
import { CLOUDFLARE_EXPORT } from './fixtures/cloudflare-export.ts';

const KEY = { authorization: 'Bearer test-ingest-key' };
const JSON_TYPE = { ...KEY, 'content-type': 'application/json' };
const START_US = 1_790_000_000_000_000;

function send(method: string, path: string, headers: Record<string, string>, body?: BodyInit): Promise<Response> {
  return exports.default.fetch(new Request(`https://edge.test${path}`, { method, headers, ...(body ? { body } : {}) }));
}
const post = (path: string, headers: Record<string, string>, body: BodyInit) => send('POST', path, headers, body);

async function spansOf(id: string): Promise<Trace['spans']> {
  const response = await send('GET', `/api/traces/${id}`, { authorization: 'Bearer test-read-key' });
  expect(response.status).toBe(200);
  return (await response.json<Trace>()).spans;
}

/** A message in its gRPC envelope. */
function envelope(message: Uint8Array, flags = 0): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

describe('errors of /v1/traces', () => {
  it.each([
    ['no key', 'POST', '/v1/traces', { 'content-type': 'application/json' }, 401, 16],
    ['a wrong method', 'GET', '/v1/traces', KEY, 405, 12],
    ['a path that is not there', 'POST', '/v1/traces/x', JSON_TYPE, 404, 5],
    ['a wrong type', 'POST', '/v1/traces', { ...KEY, 'content-type': 'text/html' }, 415, 3],
    ['a wrong encoding', 'POST', '/v1/traces', { ...JSON_TYPE, 'content-encoding': 'br' }, 415, 3],
    ['a large body', 'POST', '/v1/traces', { ...JSON_TYPE, 'content-length': '99999999' }, 413, 8],
  ])('answers %s with a google.rpc.Status that nobody retries', async (_, method, path, headers, status, code) => {
    const response = await send(method, path, headers as Record<string, string>, method === 'POST' ? '{}' : undefined);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ code, message: expect.any(String) });
    expect(response.headers.has('retry-after')).toBe(false);
    expect(response.headers.get('allow')).toBe(status === 405 ? 'POST' : null);
  });

  it('says of bad data which field it is', async () => {
    const response = await post('/v1/traces', JSON_TYPE, '{"resourceSpans": [{"scopeSpans": 5}]}');
    expect(response.status).toBe(400);
    const message = 'the body is not OTLP/JSON: resourceSpans[0].scopeSpans: want an array';
    expect(await response.json()).toEqual({
      code: 3,
      message,
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.BadRequest',
          fieldViolations: [{ field: 'resourceSpans[0].scopeSpans', description: message }],
        },
      ],
    });
  });

  it('says when to come again where that is of use, and only there', async () => {
    const closed = { ...env, TAILRACE_INGEST_KEY: '', TAILRACE_READ_KEY: '', TAILRACE_ADMIN_KEY: '' };
    const answer = async (path: string, type: string) => {
      const headers = { 'content-type': type };
      const request = new Request(`https://edge.test${path}`, { method: 'POST', headers });
      return await worker.fetch(request as never, closed, createExecutionContext());
    };
    const json = await answer('/v1/traces', 'application/json');
    expect([json.status, json.headers.get('retry-after')]).toEqual([503, '30']);
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '30s' }];
    expect(await json.json()).toMatchObject({ code: 14, details });
    const protobuf = await answer('/v1/traces', 'application/x-protobuf');
    // A status travels in a header of gRPC's as it does in a body of OTLP's.
    const status = Buffer.from(await protobuf.arrayBuffer()).toString('base64');
    const web = await answer(EXPORT_PATH, 'application/grpc-web');
    expect([web.status, web.headers.get('grpc-status'), web.headers.get('retry-after')]).toEqual([200, '14', '30']);
    for (const headers of [new Headers({ 'grpc-status-details-bin': status }), web.headers]) {
      const error = findTrailerError(headers)!;
      expect([error.code, error.rawMessage]).toEqual([14, expect.stringContaining('no keys are configured')]);
      expect(error.details).toEqual([{ type: 'google.rpc.RetryInfo', value: Uint8Array.of(10, 2, 8, 30) }]);
    }
    const spans = await answer('/v1/spans', 'application/json');
    expect(await spans.json()).toMatchObject({ accepted: 0, retryAfterSeconds: 30 });
  });

  it.each(['gzip', 'deflate'])('takes JSON with %s', async (encoding) => {
    const id = randomTraceId();
    const spans = [{ traceId: id, spanId: spanId(1), kind: 'SPAN_KIND_SERVER', startTimeUnixNano: START_US * 1000 }];
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] });
    const compressed = encoding === 'gzip' ? gzipSync(body) : deflateSync(body);
    const response = await post('/v1/traces', { ...JSON_TYPE, 'content-encoding': encoding }, compressed);
    expect([response.status, await response.json()]).toEqual([200, {}]);
    expect(await spansOf(id)).toMatchObject([{ kind: 'server', startUs: START_US }]);
  });
});

describe('the TraceService', () => {
  const clientOf = (createTransport: typeof createGrpcWebTransport, headers: Record<string, string>, options = {}) =>
    createClient(
      TraceService,
      createTransport({
        baseUrl: 'https://edge.test',
        fetch: (input, init) =>
          exports.default.fetch(
            new Request(input as string, {
              ...(init as RequestInit),
              headers: [...new Headers(init?.headers).entries(), ...Object.entries(headers)],
              redirect: 'manual',
            }),
          ),
        ...options,
      }),
    );

  it.each([
    ['gRPC-Web', createGrpcWebTransport, {}],
    ['Connect in protobuf', createConnectTransport, { useBinaryFormat: true }],
    ['Connect in JSON', createConnectTransport, {}],
  ] as const)('takes spans from the client of %s and says which it does not', async (_, transport, options) => {
    const id = randomTraceId();
    const client = clientOf(transport, KEY, options);
    const request = fromBinary(TracesDataSchema, otlp([{ traceId: id, id: 1 }]));
    expect((await client.export(request)).partialSuccess).toBeUndefined();
    expect(await spansOf(id)).toMatchObject([{ spanId: spanId(1), startUs: START_US }]);
    request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!.spanId = new Uint8Array(3);
    const { partialSuccess } = await client.export(request);
    expect(partialSuccess).toMatchObject({ rejectedSpans: 1n, errorMessage: expect.stringContaining('pan') });
  });

  it.each([
    ['gRPC-Web', createGrpcWebTransport, {}],
    ['Connect', createConnectTransport, {}],
  ] as const)('tells the client of %s that its key is wrong', async (_, transport, options) => {
    const client = clientOf(transport, { authorization: 'Bearer wrong' }, options);
    const error = ConnectError.from(await client.export({}).catch((reason: unknown) => reason));
    expect([error.code, error.rawMessage]).toEqual([Code.Unauthenticated, 'this is not an ingest key']);
  });

  it('takes gRPC-Web as text in pieces, and answers in text', async () => {
    const id = randomTraceId();
    const bytes = envelope(otlp([{ traceId: id, id: 1 }]));
    const text = [bytes.subarray(0, 10), bytes.subarray(10)].map((part) => Buffer.from(part).toString('base64'));
    const single = Array.from(bytes, (byte) => Buffer.of(byte).toString('base64'));
    const type = 'application/grpc-web-text';
    const headers = { ...KEY, 'content-type': type };
    expect((await post(EXPORT_PATH, headers, single.join(''))).headers.has('grpc-status')).toBe(false);
    const response = await post(EXPORT_PATH, headers, text.join(''));
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type]);
    const answer = Buffer.from(await response.text(), 'base64');
    expect([...answer.subarray(0, 6)]).toEqual([0, 0, 0, 0, 0, 0x80]);
    expect(answer.subarray(10).toString()).toBe('grpc-status: 0\r\n');
    expect(await spansOf(id)).toHaveLength(1);
  });

  it.each([
    ['application/grpc-web', { 'grpc-timeout': '1n' }, envelope],
    ['application/proto', { 'connect-timeout-ms': '0' }, (message: Uint8Array) => message],
  ] as const)('answers %s when spans are durable, whatever the deadline', async (type, headers, wrap) => {
    const id = randomTraceId();
    const response = await post(
      EXPORT_PATH,
      { ...KEY, ...headers, 'content-type': type },
      wrap(otlp([{ traceId: id, id: 1 }])),
    );
    expect([response.status, await spansOf(id)]).toEqual([200, [expect.objectContaining({ spanId: spanId(1) })]]);
  });

  it('takes a message that was compressed', async () => {
    const id = randomTraceId();
    const body = envelope(gzipSync(otlp([{ traceId: id, id: 1 }])), 1);
    const headers = { ...KEY, 'content-type': 'application/grpc-web+proto', 'grpc-encoding': 'gzip' };
    await (await post(EXPORT_PATH, headers, body)).arrayBuffer();
    expect(await spansOf(id)).toHaveLength(1);
  });

  it.each([
    ['a message that is cut', envelope(new Uint8Array(9)).subarray(0, 9), {}, '3', 'one gRPC message'],
    ['an empty body', new Uint8Array(0), {}, '3', 'one gRPC message'],
    ['no protobuf', envelope(Uint8Array.of(255, 255)), {}, '3', 'not an OTLP trace request'],
    ['bad gzip', envelope(new Uint8Array(9), 1), { 'grpc-encoding': 'gzip' }, '3', 'not valid gzip'],
    ['an unknown compression', envelope(new Uint8Array(9), 1), { 'grpc-encoding': 'br' }, '12', 'use gzip'],
    ['bytes as text', new Uint8Array(9), { 'content-type': 'application/grpc-web-text' }, '3', 'not base64'],
  ])('refuses %s with a gRPC status', async (_, body, headers, status, message) => {
    const type = { 'content-type': 'application/grpc-web' };
    const response = await post(EXPORT_PATH, { ...KEY, ...type, ...headers }, body);
    expect(response.status).toBe(200);
    expect(response.headers.get('grpc-status')).toBe(status);
    expect(decodeURIComponent(response.headers.get('grpc-message')!)).toContain(message);
  });

  it.each([
    ['an unknown version', { ...JSON_TYPE, 'connect-protocol-version': '2' }, '{}', 400, 'invalid_argument'],
    ['no JSON', JSON_TYPE, '{', 400, 'invalid_argument'],
    ['an unknown type', { ...KEY, 'content-type': 'application/grpc' }, '', 415, 'invalid_argument'],
    ['bad gzip', { ...JSON_TYPE, 'content-encoding': 'gzip' }, '{}', 400, 'invalid_argument'],
    ['an unknown compression', { ...JSON_TYPE, 'content-encoding': 'br' }, '{}', 415, 'unimplemented'],
  ])('refuses %s with an error of Connect', async (_, headers, body, status, code) => {
    const response = await post(EXPORT_PATH, headers, body);
    expect([response.status, await response.json()]).toEqual([status, expect.objectContaining({ code })]);
  });
});

describe('POST /api/v2/spans', () => {
  it('takes both halves of a shared span, short ids and all that Zipkin has', async () => {
    const id = randomTraceId().slice(16);
    const common = { traceId: id, id: 'b', parentId: 'a', name: 'get /', timestamp: START_US, duration: 1500 };
    const client = {
      ...common,
      kind: 'CLIENT',
      localEndpoint: { serviceName: 'web' },
      remoteEndpoint: { serviceName: 'api', ipv4: '10.0.0.7', port: 8080 },
      tags: { 'http.path': '/', error: 'timeout' },
      annotations: [{ timestamp: START_US + 7, value: 'retry' }],
      debug: true,
    };
    const server = { ...common, kind: 'SERVER', shared: true, localEndpoint: { serviceName: 'api' }, duration: null };
    const response = await post('/api/v2/spans', JSON_TYPE, JSON.stringify([client, server, { traceId: 'x' }, 5]));
    expect([response.status, await response.text()]).toEqual([202, '']);
    const spans = await spansOf(id.padStart(32, '0'));
    expect(spans).toHaveLength(2);
    expect(spans.find(({ kind }) => kind === 'client')).toMatchObject({
      spanId: spanId(11),
      parentSpanId: spanId(10),
      name: 'get /',
      startUs: START_US,
      durationUs: 1500,
      traceFlags: 1,
      status: { code: 'error', message: 'timeout' },
      attributes: {
        'http.path': '/',
        error: 'timeout',
        'peer.service': 'api',
        'network.peer.address': '10.0.0.7',
        'network.peer.port': 8080,
        'zipkin.debug': true,
      },
      events: [{ name: 'retry', timeUs: START_US + 7 }],
      resource: { attributes: { 'service.name': 'web' } },
    });
    expect(spans.find(({ kind }) => kind === 'server')).toMatchObject({
      spanId: spanId(11),
      attributes: { 'zipkin.shared': true },
      resource: { attributes: { 'service.name': 'api' } },
    });
    expect(spans.find(({ kind }) => kind === 'server')).not.toHaveProperty('durationUs');
  });

  describe('of a span in parts', () => {
    const part = { id: 'b', kind: 'CLIENT', name: 'get /', timestamp: START_US };
    const begun = { ...part, tags: { begun: 'yes' } };
    const ended = { ...part, duration: 1500, tags: { ended: 'yes' } };
    const noted = { id: 'b', kind: 'CLIENT', annotations: [{ timestamp: START_US + 7, value: 'late' }] };

    it.each([
      ['begun, ended, noted', [begun, ended, noted]],
      ['ended, noted, begun', [ended, noted, begun]],
      ['noted, begun, ended', [noted, begun, ended]],
    ])('that come as %s lets the one stand that has ended, with its own tags', async (_, parts) => {
      const traceId = randomTraceId();
      for (const one of parts) {
        expect((await post('/api/v2/spans', JSON_TYPE, JSON.stringify([{ traceId, ...one }]))).status).toBe(202);
      }
      const together = randomTraceId();
      await post('/api/v2/spans', JSON_TYPE, JSON.stringify(parts.map((one) => ({ traceId: together, ...one }))));
      for (const id of [traceId, together]) {
        const spans = await spansOf(id);
        expect(spans).toMatchObject([
          { startUs: START_US, durationUs: 1500, events: [], attributes: { ended: 'yes' } },
        ]);
        expect(spans[0]!.attributes).not.toHaveProperty('begun');
      }
    });

    it('takes a server’s part that does not say so for another span', async () => {
      const traceId = randomTraceId();
      const { kind: _, ...unsaid } = noted;
      const body = JSON.stringify([
        { traceId, ...ended, kind: 'SERVER' },
        { traceId, ...unsaid },
      ]);
      expect((await post('/api/v2/spans', JSON_TYPE, body)).status).toBe(202);
      expect((await spansOf(traceId)).map(({ kind }) => kind).sort()).toEqual(['server', 'unspecified']);
    });
  });

  it('takes protobuf, and leaves out only what is broken', async () => {
    const traceId = crypto.getRandomValues(new Uint8Array(8));
    const id = Buffer.from(traceId).toString('hex').padStart(32, '0');
    const span = create(SpanSchema, {
      traceId,
      id: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9),
      kind: Span_Kind.PRODUCER,
      name: 'send',
      timestamp: BigInt(START_US),
      duration: 20n,
      localEndpoint: { serviceName: 'queue', ipv6: Uint8Array.of(0x20, 1, 13, 0xb8, ...new Uint8Array(11), 1) },
      tags: { 'otel.status_code': 'OK' },
    });
    const spans = [
      toBinary(SpanSchema, span),
      Uint8Array.of(10, 99),
      toBinary(SpanSchema, { ...span, traceId: new Uint8Array(3) }),
      toBinary(SpanSchema, { ...span, timestamp: 2n ** 64n - 1n }),
    ];
    const body = toBinary(ListOfSpansSchema, create(ListOfSpansSchema, { spans }));
    const response = await post('/api/v2/spans', { ...KEY, 'content-type': 'application/x-protobuf' }, body);
    expect([response.status, await response.text()]).toEqual([202, '']);
    expect(await spansOf(id)).toMatchObject([
      {
        kind: 'producer',
        name: 'send',
        startUs: START_US,
        durationUs: 20,
        status: { code: 'ok' },
        attributes: { 'network.local.address': '2001:db8:0:0:0:0:0:1' },
        resource: { attributes: { 'service.name': 'queue' } },
      },
    ]);
  });

  it.each([
    ['no key', 'POST', { 'content-type': 'application/json' }, '[]', 401, 'unauthorized'],
    ['another method', 'PUT', JSON_TYPE, '[]', 405, 'method_not_allowed'],
    ['another type', 'POST', { ...KEY, 'content-type': 'text/plain' }, '[]', 415, 'unsupported_media_type'],
    ['no array', 'POST', JSON_TYPE, '{}', 400, 'malformed_body'],
    ['no protobuf', 'POST', { ...KEY, 'content-type': 'application/x-protobuf' }, '[]', 400, 'malformed_body'],
  ])('refuses %s', async (_, method, headers, body, status, code) => {
    const response = await send(method, '/api/v2/spans', headers as Record<string, string>, body);
    expect([response.status, await response.json()]).toEqual([status, { error: expect.objectContaining({ code }) }]);
  });
});

describe('POST /v1/spans', () => {
  it('takes a list and says what became of it', async () => {
    const id = randomTraceId();
    const span = {
      trace_id: id,
      span_id: spanId(1),
      operation_name: 'pay',
      service_name: 'till',
      start_time: '2026-09-21T13:33:20.000123456+02:00',
      end_time: '2026-09-21T11:33:20.5Z',
      attributes: { n: 5, yes: true, list: ['a'], nested: { a: 1 } },
      events: [{ name: 'tick', timestamp: '2026-09-21T11:33:20.1Z', attributes: { i: 1 } }],
      status: { code: 2, message: '' },
    };
    const open = {
      ...span,
      span_id: spanId(2),
      parent_id: spanId(1),
      end_time: '0001-01-01T00:00:00Z',
      status: { code: 0 },
    };
    const bad = [
      { ...span, trace_id: '12345' },
      { ...span, start_time: 'yesterday' },
      { ...span, start_time: '9999-01-01T00:00:00Z' },
    ];
    const body = { spans: [span, ...bad, open], resource_attributes: { 'service.version': '2' } };
    const response = await post('/v1/spans', JSON_TYPE, JSON.stringify(body));
    expect([response.status, await response.json()]).toEqual([
      200,
      {
        accepted: 2,
        rejected: 3,
        errors: [
          'spans[1].trace_id: want 32 hex digits',
          'spans[2].start_time: want an RFC 3339 time',
          'spans[3].start_time: want an RFC 3339 time',
        ],
        retryAfterSeconds: 0,
      },
    ]);
    expect(await spansOf(id)).toMatchObject([
      {
        name: 'pay',
        startUs: Date.UTC(2026, 8, 21, 11, 33, 20) * 1000 + 123,
        durationUs: 500_000 - 123,
        status: { code: 'error', message: 'timeout' },
        attributes: { n: 5, yes: true, list: ['a'], nested: '{"a":1}' },
        events: [{ name: 'tick', timeUs: Date.UTC(2026, 8, 21, 11, 33, 20, 100) * 1000, attributes: { i: 1 } }],
        resource: { attributes: { 'service.name': 'till', 'service.version': '2' } },
      },
      { spanId: spanId(2), parentSpanId: spanId(1), status: { code: 'ok' } },
    ]);
    expect((await post('/v1/spans', JSON_TYPE, JSON.stringify([span]))).status).toBe(200);
  });

  it.each([
    ['no key', { 'content-type': 'application/json' }, '[]', 401],
    ['no JSON', JSON_TYPE, '[', 400],
    ['no spans', JSON_TYPE, '{}', 400],
    [
      'deep nesting',
      JSON_TYPE,
      `{"spans":[],"resource_attributes":{"a":${'{"0":'.repeat(2e5)}1${'}'.repeat(2e5)}}}`,
      400,
    ],
    ['another type', { ...KEY, 'content-type': 'text/plain' }, '[]', 415],
  ])('refuses %s in the same form', async (_, headers, body, status) => {
    const response = await post('/v1/spans', headers as Record<string, string>, body);
    expect(response.status).toBe(status);
    const answer = { accepted: 0, rejected: 0, errors: [expect.any(String)], retryAfterSeconds: 0 };
    expect(await response.json()).toEqual(answer);
  });
});

describe('POST /v1/batch', () => {
  const versions = Object.entries(BATCHES).flatMap(([version, base64]) => [
    [version, 'plain', base64] as const,
    [version, 'deflated', base64] as const,
  ]);

  it('has a batch of every version to be tested with', () => {
    expect(Object.keys(BATCHES)).toEqual(Array.from({ length: VERSION }, (_, i) => String(i + 1)));
  });

  it.each(versions)('takes version %s, %s, as text with the key in the query', async (_, form, base64) => {
    const id = randomTraceId();
    let bytes = Buffer.from(base64, 'base64');
    bytes.set(Buffer.from(id, 'hex'), bytes.indexOf(Buffer.from(BATCH_TRACE_ID, 'hex')));
    if (form === 'deflated') {
      bytes = Buffer.concat([bytes.subarray(0, HEADER_BYTES), deflateSync(bytes.subarray(HEADER_BYTES))]);
      bytes[HEADER_BYTES - 1]! |= DEFLATED;
    }
    const type = { 'content-type': 'text/plain;charset=UTF-8' };
    const response = await post('/v1/batch?key=test-ingest-key', type, bytes);
    expect([response.status, await response.json()]).toEqual([200, { rejected: 0 }]);
    const resource = { attributes: { 'service.name': 'old-page', 'tailrace.key_class': 'page' } };
    const [click, fetched, open] = await spansOf(id);
    expect(click).toMatchObject({
      name: 'click ☃',
      startUs: START_US,
      durationUs: 250_000,
      attributes: { text: 'Pay', count: -3, ratio: 0.5, yes: true, list: ['a', 'b'] },
      events: [{ name: 'tick', timeUs: START_US + 100, attributes: { i: 1 } }],
      resource,
    });
    expect(fetched).toMatchObject({
      name: 'GET /cart',
      kind: 'client',
      parentSpanId: click!.spanId,
      status: { code: 'error', message: 'timeout' },
      links: [{ spanId: '09121b242d363f48' }],
      scope: { name: 'tailrace/fetch' },
    });
    expect(open).toMatchObject({ name: 'open', parentSpanId: click!.spanId });
    expect(open).not.toHaveProperty('durationUs');
  });
});

it('refuses JSON of more keys than an isolate has room for, however they are written', async () => {
  const of = (key: (i: number) => string) => `{${Array.from({ length: 300_000 }, (_, i) => `${key(i)}1`).join()}}`;
  const status = async (body: string) => (await post('/v1/traces', JSON_TYPE, body)).status;
  expect(await status(of((i) => `"${i}":`))).toBe(413);
  expect(await status(of((i) => `"${i}\\"a" :`))).toBe(413);
  expect(await status(of((i) => `"${i % 1_000}":`))).toBe(200);
  expect(await status(of((i) => `"${i}\\\\":`))).toBe(413);
  // Keys in a text are none.
  expect(await status(JSON.stringify({ a: of((i) => `"${i}":`) }))).toBe(200);
  expect(await status(`{"a":"${'\\":'.repeat(1_000_000)}"}`)).toBe(200);
});

it('takes bodies up to what is configured, and not more', async () => {
  const document = JSON.stringify({ ingest: { maxBodyBytes: 20 * 1024 * 1024 } });
  const { maxBodyBytes } = parseConfig(document).ingest;
  const read = async (bytes: number) => {
    const inFlight = new InFlight();
    const headers = { 'content-encoding': 'gzip' };
    const body = gzipSync(new Uint8Array(bytes));
    const request = new Request('https://edge.test/', { method: 'POST', headers, body });
    try {
      return (await readDecompressedBody(request, inFlight, maxBodyBytes)).length;
    } catch (error) {
      return (error as HttpError).status;
    } finally {
      inFlight.release();
    }
  };
  expect([await read(maxBodyBytes), await read(maxBodyBytes + 1)]).toEqual([maxBodyBytes, 413]);
  const tooMuch = JSON.stringify({ ingest: { maxBodyBytes: 64 * 1024 * 1024 + 1 } });
  expect(() => parseConfig(tooMuch)).toThrow('ingest.maxBodyBytes');
});

it('takes what the tracing of Workers exports', async () => {
  const response = await post('/v1/traces', JSON_TYPE, JSON.stringify(CLOUDFLARE_EXPORT));
  expect([response.status, await response.json()]).toEqual([200, {}]);
  const [root, fetched, computed] = await spansOf(CLOUDFLARE_EXPORT.resourceSpans[0]!.scopeSpans[0]!.spans[0]!.traceId);
  expect(root).toMatchObject({
    name: 'GET',
    kind: 'server',
    startUs: 1_790_000_100_000_000,
    durationUs: 42_000,
    attributes: {
      'faas.trigger': 'http',
      'http.response.status_code': 200,
      'cloudflare.response.time_to_first_byte_ms': 41.5,
    },
    resource: { attributes: { 'service.name': 'checkout', 'cloud.platform': 'cloudflare.workers' } },
    state: 'ended',
  });
  expect(root).not.toHaveProperty('parentSpanId');
  expect(fetched).toMatchObject({ parentSpanId: root!.spanId, kind: 'client' });
  // Time stands still there between two I/O events.
  expect(computed).toMatchObject({ parentSpanId: root!.spanId, durationUs: 0, state: 'ended' });
});
