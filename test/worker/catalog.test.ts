import { abortAllDurableObjects, createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { create, toBinary } from '@bufbuild/protobuf';
import { beforeAll, expect, it, vi } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';
import type { SeenInstance, SeenService } from '../../durable-objects/protocol.ts';
import { parseHex } from '../../model/ids.ts';
import { MAX_INSTANCE_CHARS, MAX_NAME_CHARS, MAX_VERSION_CHARS } from '../../model/limits.ts';
import { TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import { app } from '../../worker/index.ts';
import { noteSightings, takeSightings } from '../../worker/sightings.ts';
import { recordBatch } from '../kit/recorded-batch.ts';
import { randomTraceId, spanId, TEST_START_US, toSpanData } from '../kit/spans.ts';
import { type Fetch, startIsolate } from './isolate.ts';

let isolate: Fetch;
let other: Fetch;

beforeAll(async () => {
  isolate = await startIsolate();
  other = await startIsolate();
});

function requestOf(method: string, path: string, body?: string | Uint8Array): Request {
  return new Request(`https://edge.test${path}`, {
    method,
    headers: {
      authorization: `Bearer test-${method === 'GET' ? 'read' : 'ingest'}-key`,
      'content-type': 'application/x-protobuf',
    },
    ...(body === undefined ? {} : { body }),
  });
}

function call(method: string, path: string, body?: string | Uint8Array): Promise<Response> {
  return isolate(requestOf(method, path, body), env);
}

/** One span of an instance. */
function spanOf(resource: Readonly<Record<string, string>>): Uint8Array {
  const attributes = Object.entries(resource).map(([key, value]) => ({
    key,
    value: { value: { case: 'stringValue' as const, value } },
  }));
  const span = {
    traceId: parseHex(randomTraceId())!,
    spanId: parseHex(spanId(1))!,
    startTimeUnixNano: BigInt(TEST_START_US) * 1000n,
  };
  const resourceSpans = [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }];
  return toBinary(TracesDataSchema, create(TracesDataSchema, { resourceSpans }));
}

async function service(name: string): Promise<SeenService | undefined> {
  const { services } = await (await call('GET', '/api/services')).json<{ services: SeenService[] }>();
  return services.find((each) => each.name === name);
}

async function instances(name: string): Promise<string[]> {
  const answer = await call('GET', `/api/services/${encodeURIComponent(name)}/instances`);
  return (await answer.json<{ instances: SeenInstance[] }>()).instances.map(({ instance }) => instance).sort();
}

it('lists the versions and instances whose spans came, of all isolates, over a restart', async () => {
  const name = 'GET /a "b"';
  const resource = { 'service.name': name, 'service.version': '1.2', 'service.instance.id': 'one' };
  const before = Date.now() * 1000;
  expect((await call('POST', '/v1/traces', spanOf(resource))).status).toBe(200);
  expect((await call('POST', '/v1/traces', spanOf({ ...resource, 'service.instance.id': 'two' }))).status).toBe(200);
  const elsewhere = spanOf({ ...resource, 'service.version': '1.3', 'service.instance.id': 'three' });
  for (const body of [elsewhere, spanOf(resource)]) {
    expect((await other(requestOf('POST', '/v1/traces', body), env)).status).toBe(200);
  }
  // The other isolate tells by itself, within ten seconds.
  expect(await instances(name)).toEqual(['one', 'two']);
  await vi.waitUntil(async () => (await instances(name)).length === 3, { timeout: 15_000, interval: 250 });
  for (const _ of ['before', 'after']) {
    const found = (await service(name))!;
    expect(found).toMatchObject({ instances: 3, live: true });
    expect(found.versions.map(({ version }) => version).sort()).toEqual(['1.2', '1.3']);
    expect(found.firstSeenUs).toBeGreaterThanOrEqual(before);
    expect(found.lastSeenUs).toBeLessThanOrEqual(Date.now() * 1000);
    expect(await instances(name)).toEqual(['one', 'three', 'two']);
    await abortAllDurableObjects();
  }
});

it('registers an instance at its hello and removes it at its goodbye', async () => {
  const word = (word: string, body: object) => call('POST', `/v1/${word}`, JSON.stringify(body));
  const me = { service: 'greeter', version: '1', instance: 'me' };
  expect((await word('hello', me)).status).toBe(204);
  expect(await service('greeter')).toMatchObject({ instances: 1, live: true, versions: [{ version: '1' }] });
  expect((await word('goodbye', { service: 'greeter', instance: 'me' })).status).toBe(204);
  expect(await service('greeter')).toMatchObject({ instances: 0, live: false });
  expect(await instances('greeter')).toEqual([]);
});

it.each([
  ['that is no JSON', '{', 400, 'not JSON'],
  ['of nobody', 'null', 400, 'service: want'],
  ['of no instance', '{"service":"s"}', 400, 'instance: want'],
  ['of a version in numbers', '{"service":"s","instance":"i","version":1}', 400, 'version: want'],
  ['that is too long', `{"service":"${'s'.repeat(5_000)}"}`, 413, 'than the limit of 4096 bytes'],
])('refuses a hello %s', async (_, body, status, message) => {
  const answer = await call('POST', '/v1/hello', body);
  expect(answer.status).toBe(status);
  expect((await answer.json<{ error: { message: string } }>()).error.message).toContain(message);
});

it('holds no more of a name than the catalog does', () => {
  const resource = { service: 's'.repeat(60_000), version: '1'.repeat(60_000), instance: 'i'.repeat(60_000) };
  noteSightings({ resources: [{ ...resource, isPage: false }] } as unknown as SpanTable, Date.now());
  const [sighting, ...others] = takeSightings();
  expect(others).toEqual([]);
  expect(sighting).toMatchObject({
    service: 's'.repeat(MAX_NAME_CHARS),
    version: '1'.repeat(MAX_VERSION_CHARS),
    instance: 'i'.repeat(MAX_INSTANCE_CHARS),
  });
});

it('has an instance say hello again while the Ledger is away', async () => {
  const failing = () => Promise.reject(new Error('away on purpose'));
  const away = { getByName: () => ({ hello: failing, goodbye: failing, add: failing }) };
  const bindings = { ...env, LEDGER: away as unknown as Env['LEDGER'] };
  for (const word of ['hello', 'goodbye']) {
    const body = '{"service":"s","instance":"i"}';
    const headers = { authorization: 'Bearer test-ingest-key' };
    const request = new Request(`https://edge.test/v1/${word}`, { method: 'POST', headers, body });
    const answer = await app.fetch(request, bindings, createExecutionContext());
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, expect.any(String)]);
  }
});

it('counts no page as an instance', async () => {
  const resource = [
    ['service.name', 'page'],
    ['service.instance.id', 'tab'],
  ] as const;
  const { bytes } = recordBatch({ resource, spans: [toSpanData({ traceId: randomTraceId(), id: 1 })] });
  expect((await call('POST', '/v1/batch', bytes)).status).toBe(200);
  expect(await service('page')).toMatchObject({ instances: 0, otherInstances: 0, live: true });
});
