import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { NO_SDK_CONFIG, parseDirectives } from '../../model/sdk-config.ts';
import { TraceSizes } from '../../worker/ingest/trace-sizes.ts';
import { recordBatch } from '../kit/recorded-batch.ts';
import { randomTraceId, toSpanData } from '../kit/spans.ts';

const spanData = () => toSpanData({ traceId: randomTraceId(), id: 1 });

const ORIGIN = 'https://shop.example';

function get(headers: Record<string, string> = {}, key = 'test-ingest-key'): Promise<Response> {
  return exports.default.fetch(`https://edge.test/v1/config?key=${key}`, { headers: { origin: ORIGIN, ...headers } });
}

async function put(document: object): Promise<void> {
  const before = JSON.parse(env.TAILRACE_CONFIG!);
  const response = await exports.default.fetch('https://edge.test/api/config', {
    method: 'PUT',
    headers: { authorization: 'Bearer test-admin-key' },
    body: JSON.stringify({ ...before, ...document }),
  });
  expect([response.status, await response.text()]).toEqual([200, expect.anything()]);
}

describe('GET /v1/config', () => {
  it('says nothing by default, and that it has not changed since', async () => {
    const first = await get();
    expect([first.status, await first.json()]).toEqual([200, NO_SDK_CONFIG]);
    const etag = first.headers.get('etag')!;
    expect(Object.fromEntries(first.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': expect.stringContaining('tailrace-directives'),
      'cache-control': 'private, max-age=60',
      vary: 'origin',
    });
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`]) {
      const again = await get({ 'if-none-match': known });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
      expect(again.headers.get('access-control-allow-origin')).toBe('*');
    }
    expect((await get({ 'if-none-match': '"other"' })).status).toBe(200);
    expect((await get({}, 'wrong')).status).toBe(401);
  });

  it('is for a page of the key’s origins, which browsers do not name where it is the edge’s own', async () => {
    const made = await exports.default.fetch('https://edge.test/api/keys', {
      method: 'POST',
      headers: { authorization: 'Bearer test-admin-key' },
      body: JSON.stringify({ name: 'test', class: 'page', origins: [ORIGIN, 'https://edge.test'] }),
    });
    const { secret } = (await made.json()) as { secret: string };
    const from = async (headers: Record<string, string>) =>
      (await exports.default.fetch(`https://edge.test/v1/config?key=${secret}`, { headers })).status;
    expect(await from({ origin: ORIGIN })).toBe(200);
    expect(await from({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await from({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await from({ origin: 'https://other.example' })).toBe(403);
    expect(await from({ origin: 'https://other.example', 'sec-fetch-site': 'same-origin' })).toBe(403);
    expect(await from({})).toBe(403);
  });

  it('says what was put, and every answer then says that there is another one', async () => {
    const batch = () =>
      exports.default.fetch('https://edge.test/v1/batch?key=test-ingest-key', {
        method: 'POST',
        headers: { origin: ORIGIN },
        body: recordBatch({ spans: [spanData()] }).bytes,
      });
    const directivesOf = async (answer: Promise<Response>) => {
      const response = await answer;
      await response.text();
      return parseDirectives(response.headers.get('tailrace-directives'));
    };
    const before = await directivesOf(batch());
    const etag = (await get()).headers.get('etag')!;
    expect(`"${before.config}"`).toBe(etag);
    expect(Math.abs(before.timeMs! - Date.now())).toBeLessThan(10_000);
    const sdk = {
      sampleRate: 0.25,
      routes: [{ name: 'GET /checkout*', sampleRate: 1 }],
      boost: { until: '2026-11-21T15:00:00Z' },
      maxTraceSpans: 10,
    };
    await put({ sdk });
    await expect.poll(async () => (await get()).headers.get('etag'), { timeout: 15_000 }).not.toBe(etag);
    const now = await get({ 'if-none-match': etag });
    expect([now.status, await now.json()]).toEqual([
      200,
      {
        version: JSON.parse(now.headers.get('etag')!),
        sampleRate: 0.25,
        routes: sdk.routes,
        paused: false,
        boost: { sampleRate: 1, untilMs: Date.UTC(2026, 10, 21, 15) },
      },
    ]);
    const after = await directivesOf(batch());
    expect(after).toMatchObject({ config: JSON.parse(now.headers.get('etag')!), stopped: [] });
    // One that is refused is told as well.
    const refused = exports.default.fetch('https://edge.test/v1/batch?key=test-ingest-key', {
      method: 'POST',
      body: 'x',
    });
    expect((await directivesOf(refused)).config).toBe(after.config);
  });

  it('tells a page which of its traces it is to record no more of', async () => {
    await put({ sdk: { maxTraceSpans: 10 } });
    const [big, small] = [spanData(), spanData()];
    const send = async (count: number) => {
      const spans = Array.from({ length: count }, () => ({ ...spanData(), traceId: big.traceId }));
      const { bytes } = recordBatch({ spans: [...spans, { ...spanData(), traceId: small.traceId }] });
      const url = 'https://edge.test/v1/batch?key=test-ingest-key';
      const response = await exports.default.fetch(url, { method: 'POST', body: bytes });
      await response.text();
      return parseDirectives(response.headers.get('tailrace-directives')).stopped;
    };
    await expect.poll(async () => (await send(3)).length, { timeout: 15_000, interval: 500 }).toBe(1);
    expect(await send(1)).toEqual([[...big.traceId].map((byte) => byte.toString(16).padStart(2, '0')).join('')]);
  });
});

it('takes the page’s own finding of how far its clock is off', async () => {
  for (const [offset, isTaken] of [
    ['-3600000', true],
    ['1e9', false],
    ['', false],
  ] as const) {
    const span = spanData();
    const { bytes } = recordBatch({ spans: [span] });
    const url = `https://edge.test/v1/batch?key=test-ingest-key&offset=${offset}`;
    expect((await exports.default.fetch(url, { method: 'POST', body: bytes })).status).toBe(200);
    const id = [...span.traceId].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const read = await exports.default.fetch(`https://edge.test/api/traces/${id}`, {
      headers: { authorization: 'Bearer test-read-key' },
    });
    const { spans } = (await read.json()) as { spans: { resource: { attributes: Record<string, unknown> } }[] };
    const found = Number(spans[0]!.resource.attributes['tailrace.clock_offset_ms']);
    expect(found === -3_600_000).toBe(isTaken);
  }
});

describe('the section sdk', () => {
  it.each([
    [{ sampleRate: 2 }, 'sdk.sampleRate'],
    [{ routes: [{ name: 'a' }] }, 'sdk.routes.0.sampleRate'],
    [{ boost: { until: 'soon' } }, 'sdk.boost.until: is not an ISO 8601 time'],
    [{ boost: { until: '2026-11-21T15:00:00+00' } }, 'sdk.boost.until: is not an ISO 8601 time'],
    [{ maxTraceSpans: 1 }, 'sdk.maxTraceSpans'],
    [{ pause: true }, 'sdk.pause'],
  ])('refuses %j', (sdk, message) => {
    expect(() => parseConfig(JSON.stringify({ sdk }))).toThrow(message);
  });
});

it('forgets the traces it has not seen for longest', () => {
  const sizes = new TraceSizes();
  const id = (n: number) => ({ traceId: new Uint8Array(new Uint32Array([n + 1, 0, 0, 7]).buffer) });
  sizes.add([id(0), id(0)], 2);
  for (let n = 1; n < 1_999; n++) sizes.add([id(n)], 2);
  expect(sizes.add([id(0)], 2)).toHaveLength(1);
  for (let n = 2_000; n < 4_000; n++) sizes.add([id(n)], 2);
  expect(sizes.add([id(0)], 2)).toEqual([]);
});
