import { env, exports } from 'cloudflare:workers';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../durable-objects/config.ts';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { QuarantinedSpan } from '../../durable-objects/quarantine.ts';
import { parseHex } from '../../model/ids.ts';
import { TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import type { Trace } from '../../model/span.ts';
import { Rejections } from '../../worker/ingest/rejections.ts';
import { takeTraces } from '../../worker/ingest/take.ts';
import { recordBatch } from '../kit/recorded-batch.ts';
import { randomTraceId, toSpanData } from '../kit/spans.ts';

const ARRIVAL = {
  protocol: 'otlp_protobuf',
  what: 'an OTLP trace request',
  sender: { who: 'test', class: 'service', key: null },
  flags: 0,
} as const;
const MS = 1_000_000n;

function fetchEdge(
  path: string,
  init: RequestInit<IncomingRequestCfProperties> = {},
  key = 'test-read-key',
): Promise<Response> {
  const request = new Request(`https://edge.test${path}`, init as RequestInit);
  request.headers.set('authorization', `Bearer ${key}`);
  return exports.default.fetch(request);
}

async function configOf(document: object): Promise<CurrentConfig> {
  const { table } = await env.CONTROL.getByName('control').current(null);
  return { ...parseConfig(JSON.stringify(document)), table: table! };
}

interface TestSpan {
  readonly attributes?: Readonly<Record<string, string>>;
  readonly startMs?: number;
  readonly durationMs?: number;
}

function otlpOf(
  traceId: string,
  spans: readonly TestSpan[],
  resource: Readonly<Record<string, string>> = {},
): Uint8Array {
  const list = (attributes: Readonly<Record<string, string>>) =>
    Object.entries(attributes).map(([key, value]) => ({
      key,
      value: { value: { case: 'stringValue' as const, value } },
    }));
  return toBinary(
    TracesDataSchema,
    create(TracesDataSchema, {
      resourceSpans: [
        {
          resource: { attributes: list(resource) },
          scopeSpans: [
            {
              spans: spans.map(({ attributes = {}, startMs = Date.now(), durationMs = 5 }, i) => ({
                traceId: parseHex(traceId)!,
                spanId: new Uint8Array(8).fill(i + 1),
                name: `span ${i}`,
                startTimeUnixNano: BigInt(startMs) * MS,
                endTimeUnixNano: BigInt(startMs + durationMs) * MS,
                attributes: list(attributes),
              })),
            },
          ],
        },
      ],
    }),
  );
}

async function readTrace(id: string): Promise<Trace> {
  const response = await fetchEdge(`/api/traces/${id}`);
  expect(response.status).toBe(200);
  return response.json<Trace>();
}

async function send(document: object, otlp: Uint8Array, hashKey?: string): Promise<Rejections> {
  const rejections = new Rejections();
  await takeTraces(
    { ...env, ...(hashKey ? { TAILRACE_HASH_KEY: hashKey } : {}) },
    await configOf(document),
    otlp,
    ARRIVAL,
    rejections,
  );
  return rejections;
}

async function metric(line: string): Promise<number> {
  const text = await (await fetchEdge('/metrics')).text();
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.split(' ')[1],
  );
}

describe('privacy', () => {
  it('scrubs query strings without being asked', async () => {
    const id = randomTraceId();
    await send(
      {},
      otlpOf(id, [{ attributes: { 'url.full': 'https://a.test/x?card=4111#t=1', 'url.query': 'card=4111' } }]),
    );
    expect((await readTrace(id)).spans[0]!.attributes).toEqual({
      'url.full': 'https://a.test/x?card=REDACTED#t=REDACTED',
      'url.query': 'card=REDACTED',
    });
  });

  it.each([
    'url.original',
    'url.path',
    'http.url',
    'http.target',
    'http.request.header.referer',
    'http.response.header.location',
    'url.fragment',
  ])('scrubs %s too', async (key) => {
    const id = randomTraceId();
    await send({}, otlpOf(id, [{ attributes: { [key]: '/a;s=secret#t=secret' } }]));
    const { spans } = await readTrace(id);
    expect(Object.keys(spans[0]!.attributes)).toEqual([key]);
    expect(JSON.stringify(spans)).not.toContain('secret');
  });

  const rules = {
    privacy: {
      scrubQueries: false,
      rules: [
        { do: 'drop', key: 'password' },
        { do: 'hash', key: 'user.email' },
        { do: 'mask', pattern: '^(user|enduser)\\.' },
      ],
    },
  };
  const secrets = { password: 'x', 'user.email': 'ann@a.test', 'user.name': 'ann', 'url.query': 'a=1', other: 'stays' };

  it('drops, masks and hashes what rules say, the first that matches, in spans and resources', async () => {
    const id = randomTraceId();
    await send(rules, otlpOf(id, [{ attributes: secrets }], { 'service.name': 'shop', 'enduser.id': '7' }), 'a key');
    const span = (await readTrace(id)).spans[0]!;
    expect(span.attributes).toEqual({
      'user.email': expect.stringMatching(/^hmac:[0-9a-f]{16}$/),
      'user.name': 'REDACTED',
      'url.query': 'a=1',
      other: 'stays',
    });
    expect(span.resource.attributes).toMatchObject({ 'service.name': 'shop', 'enduser.id': 'REDACTED' });
    // Equal values stay equal, and nobody without the key finds out which they are.
    const [same, different] = [randomTraceId(), randomTraceId()];
    await send(rules, otlpOf(same, [{ attributes: secrets }]), 'a key');
    await send(rules, otlpOf(different, [{ attributes: secrets }]), 'another key');
    const hashed = async (trace: string) => (await readTrace(trace)).spans[0]!.attributes['user.email'];
    expect(await hashed(same)).toBe(span.attributes['user.email']);
    expect(await hashed(different)).not.toBe(span.attributes['user.email']);
  });

  it('masks what it cannot hash for want of a key', async () => {
    const id = randomTraceId();
    await send(rules, otlpOf(id, [{ attributes: secrets }]));
    expect((await readTrace(id)).spans[0]!.attributes['user.email']).toBe('REDACTED');
  });

  it.each([
    ['{"privacy": {"rules": [{"do": "drop"}]}}', 'privacy.rules.0'],
    ['{"privacy": {"rules": [{"do": "mask", "pattern": "(a"}]}}', 'privacy.rules.0.pattern'],
    ['{"privacy": {"rules": [{"do": "eat", "key": "a"}]}}', 'privacy.rules.0.do'],
    ['{"ingest": {"attributes": -1}}', 'ingest.attributes'],
  ])('refuses %s', (document, path) => {
    expect(() => parseConfig(document)).toThrow(ConfigError);
    expect(() => parseConfig(document)).toThrow(path);
  });
});

describe('limits', () => {
  it('leaves out what is beyond, and counts it', async () => {
    const id = randomTraceId();
    const before = await metric('tailrace_span_parts_removed_total{reason="too_many_attributes"}');
    const attributes = { a: '1', b: 'x'.repeat(40), c: '3', d: '4' };
    await send(
      { ingest: { attributes: 2, valueBytes: 16 } },
      otlpOf(id, [{ attributes }], { 'service.name': 'limits' }),
    );
    const span = (await readTrace(id)).spans[0]!;
    expect(span.attributes).toEqual({ a: '1', b: 'x'.repeat(16) });
    expect(await metric('tailrace_span_parts_removed_total{reason="too_many_attributes"}')).toBe(before + 2);
  });

  it('keeps a span that ends before it starts, and says so', async () => {
    const id = randomTraceId();
    await send({}, otlpOf(id, [{ durationMs: -3 }]));
    expect((await readTrace(id)).spans[0]).toMatchObject({
      durationUs: 0,
      attributes: { 'tailrace.time_error': 'end_before_start' },
    });
  });

  it('rejects a span from another time singly, and shows it to an operator', async () => {
    const id = randomTraceId();
    const config = { ingest: { pastMs: 3_600_000, futureMs: 60_000 } };
    const now = Date.now();
    const spans = [
      {},
      { startMs: now - 7_200_000, attributes: { note: 'too\nold' } },
      { startMs: now + 120_000 },
      { durationMs: 90_000 },
    ];
    const rejections = await send(config, otlpOf(id, spans));
    expect([rejections.count, rejections.firstMessage]).toEqual([
      3,
      expect.stringContaining('span 1 (span 1): start and end'),
    ]);
    expect((await readTrace(id)).spans).toHaveLength(1);
    const answer = await fetchEdge('/api/quarantine?limit=1', {}, 'test-admin-key');
    expect(answer.status).toBe(200);
    const { spans: listed, cursor } = await answer.json<{ spans: QuarantinedSpan[]; cursor: string | null }>();
    expect(listed).toEqual([
      {
        id: expect.any(Number),
        reason: 'invalid_time',
        atUs: expect.any(Number),
        protocol: 'otlp_protobuf',
        who: 'test',
        class: 'service',
        message: expect.stringContaining('span 1 (span 1)'),
        bytes: expect.stringContaining('too\\x0aold'),
      },
    ]);
    expect(cursor === null || /^\d+$/.test(cursor)).toBe(true);
    expect((await fetchEdge('/api/quarantine')).status).toBe(401);
    expect((await fetchEdge('/api/quarantine?limit=0', {}, 'test-admin-key')).status).toBe(400);
  });
});

it('writes few rows in a flood of rejected spans, and pages through what it has', async () => {
  const ledger = env.LEDGER.getByName('flood');
  const sample = {
    reason: 'invalid_time',
    atUs: 1,
    protocol: 'batch',
    who: 'w',
    class: 'page',
    message: 'span 0',
    bytes: null,
  } as const;
  for (let i = 0; i < 30; i++) await ledger.quarantine(Array.from({ length: 20 }, () => sample));
  const all = await ledger.readQuarantine(null, 1_000);
  // A burst of eight rows, and perhaps one more by the time that has passed.
  expect([8 * 16, 9 * 16]).toContain(all.length);
  const paged: QuarantinedSpan[] = [];
  for (let before: number | null = null; ; ) {
    const page: QuarantinedSpan[] = await ledger.readQuarantine(before, 7);
    if (page.length === 0) break;
    paged.push(...page);
    before = page.at(-1)!.id;
  }
  expect(paged).toEqual(all);
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort((a, b) => b - a));
});

it('takes of a large body what 24 MiB of spans are, and says so beyond', async () => {
  const config = await configOf({ ingest: { maxBodyBytes: 64 * 1024 * 1024, valueBytes: 1024 * 1024 } });
  const span = { attributes: { text: 'x'.repeat(1_000_000) } };
  const sendSpans = async (id: string, count: number, padding: number) => {
    const otlp = otlpOf(id, Array(count).fill(span));
    // A field that nobody knows, of the type that has a length.
    const field = Buffer.from([
      0xfa,
      0x01,
      ...[0, 7, 14, 21].map((bits) => ((padding >> bits) & 0x7f) | (bits < 21 ? 0x80 : 0)),
    ]);
    const body = Buffer.concat([otlp, ...(padding > 0 ? [field, new Uint8Array(padding)] : [])]);
    const rejections = new Rejections();
    const taken = await takeTraces(env, config, body, ARRIVAL, rejections);
    return [taken, rejections.count];
  };
  expect(await sendSpans(randomTraceId(), 12, 30_000_000)).toEqual([12, 0]);
  await expect(sendSpans(randomTraceId(), 26, 0)).rejects.toMatchObject({
    status: 413,
    code: 'body_too_large',
    message: expect.stringMatching(/more than 25165824 bytes, whatever its body may have: send smaller/),
  });
});

describe('pages', () => {
  it('says where a batch came in and how far the page’s clock is off, which the page cannot', async () => {
    const id = randomTraceId();
    const resource = [
      ['service.name', 'shop'],
      ['geo.country.iso_code', 'forged'],
    ] as const;
    const { bytes } = recordBatch({
      resource,
      spans: [toSpanData({ traceId: id, id: 1, startUs: Date.now() * 1000 })],
    });
    const cf = { colo: 'AMS', country: 'NL', asn: 13_335, httpProtocol: 'HTTP/3' } as IncomingRequestCfProperties;
    const response = await fetchEdge('/v1/batch', { method: 'POST', body: bytes, cf }, 'test-ingest-key');
    expect([response.status, await response.json()]).toEqual([200, { rejected: 0 }]);
    const found = (await readTrace(id)).spans[0]!.resource.attributes;
    expect(found).toEqual({
      'service.name': 'shop',
      'tailrace.key_class': 'page',
      'tailrace.edge.colo': 'AMS',
      'geo.country.iso_code': 'NL',
      'tailrace.client.asn': 13_335,
      'tailrace.client.http_protocol': 'HTTP/3',
      'tailrace.clock_offset_ms': expect.any(Number),
    });
    expect(Math.abs(found['tailrace.clock_offset_ms'] as number)).toBeLessThan(60_000);
  });
});
