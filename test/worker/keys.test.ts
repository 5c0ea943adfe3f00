/** What a key is bound to: origins, rate and day; what comes under it is marked, and what is done with it is on record. */
import { abortAllDurableObjects, createExecutionContext, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it, vi } from 'vitest';
import { AuditLog } from '../../durable-objects/audit.ts';
import type { Control } from '../../durable-objects/control.ts';
import type { Env } from '../../durable-objects/env.ts';
import { type Key, KeyTable, MAX_KEYS } from '../../durable-objects/keys.ts';
import { TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import type { ApiError } from '../../model/span.ts';
import worker from '../../worker/index.ts';
import { spend } from '../../worker/keys/budget.ts';
import { otlp, randomTraceId, spanId, TEST_START_US } from '../kit/spans.ts';

const SHOP = 'https://shop.example';
const EVIL = 'https://evil.example';

interface MadeKey {
  readonly id: string;
  readonly secret: string;
}

function call(method: string, path: string, headers: Record<string, string> = {}, body?: BodyInit): Promise<Response> {
  return exports.default.fetch(`https://edge.test${path}`, { method, headers, ...(body !== undefined && { body }) });
}

const asAdmin = (method: string, path: string, body?: object) =>
  call(method, path, { authorization: 'Bearer test-admin-key' }, body && JSON.stringify(body));

async function make(wanted: object): Promise<MadeKey> {
  const response = await asAdmin('POST', '/api/keys', { name: 'test', ...wanted });
  expect(response.status).toBe(201);
  return response.json<MadeKey>();
}

const makePage = () => make({ class: 'page', origins: [SHOP] });

/** One span, whose resource claims what only the edge may say. */
function claiming(traceId: string, claim: string): string {
  const span = { traceId, spanId: spanId(1), name: 'n', startTimeUnixNano: String(TEST_START_US * 1000) };
  const attributes = [
    { key: 'service.name', value: { stringValue: 'shop' } },
    { key: 'tailrace.key_class', value: { stringValue: claim } },
  ];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }] });
}

/** The resource attributes of the trace's spans, as text. */
async function attributesOf(traceId: string): Promise<string[]> {
  const response = await call('GET', `/api/traces/${traceId}`, {
    authorization: 'Bearer test-read-key',
    accept: 'application/x-protobuf',
  });
  const { resourceSpans } = fromBinary(TracesDataSchema, new Uint8Array(await response.arrayBuffer()));
  return resourceSpans.flatMap(({ resource }) =>
    resource!.attributes.map(({ key, value }) => `${key}=${value!.value.value}`),
  );
}

const sendSpans = ({ secret }: MadeKey, spans: number) =>
  call(
    'POST',
    '/v1/traces',
    { authorization: `Bearer ${secret}`, 'content-type': 'application/x-protobuf' },
    otlp(Array.from({ length: spans }, (_, i) => ({ traceId: randomTraceId(), id: i + 1 }))),
  );

describe('the mark of a page', () => {
  const send = async (secret: string, body: string) => {
    const headers = { authorization: `Bearer ${secret}`, origin: SHOP, 'content-type': 'application/json' };
    expect((await call('POST', '/v1/traces', headers, body)).status).toBe(200);
  };

  it('is on what came under its key, whatever it says of itself', async () => {
    const { secret } = await makePage();
    const traceId = randomTraceId();
    await send(secret, claiming(traceId, 'service'));
    expect(await attributesOf(traceId)).toEqual([
      'service.name=shop',
      'tailrace.key_claim=service',
      'tailrace.key_class=page',
    ]);
  });

  it('is on nothing else', async () => {
    for (const secret of ['test-ingest-key', (await make({ class: 'service' })).secret]) {
      const traceId = randomTraceId();
      await send(secret, claiming(traceId, 'page'));
      expect(await attributesOf(traceId)).toEqual(['service.name=shop', 'tailrace.key_claim=page']);
    }
  });

  it('keeps a page’s span apart from a service’s of the same id', async () => {
    const traceId = randomTraceId();
    await send((await makePage()).secret, claiming(traceId, 'x'));
    await send('test-ingest-key', claiming(traceId, 'x'));
    expect((await attributesOf(traceId)).filter((text) => text === 'service.name=shop')).toHaveLength(2);
  });
});

describe('CORS', () => {
  const preflight = (path: string, origin: string) =>
    call('OPTIONS', path, { origin, 'access-control-request-method': 'POST' });
  const allowed = (response: Response) => response.headers.get('access-control-allow-origin');

  it('answers exactly the key’s origin where the key is known, and anybody where it is not', async () => {
    const { secret } = await makePage();
    for (const path of ['/v1/batch', '/v1/traces']) {
      const mine = await preflight(`${path}?key=${secret}`, SHOP);
      expect([mine.status, allowed(mine), mine.headers.get('vary')]).toEqual([204, SHOP, 'origin']);
      expect(mine.headers.get('access-control-allow-headers')).toMatch(/content-type/);
      const other = await preflight(`${path}?key=${secret}`, EVIL);
      expect([other.status, allowed(other), other.headers.get('access-control-allow-headers')]).toEqual([
        204,
        null,
        null,
      ]);
      const unknown = await preflight(path, EVIL);
      expect([allowed(unknown), unknown.headers.get('access-control-allow-credentials')]).toEqual(['*', null]);
    }
  });

  it('lets a page read the answer to a beacon, and a page of another origin nothing', async () => {
    const { id, secret } = await makePage();
    const beacon = (origin: string) =>
      call('POST', `/v1/batch?key=${secret}`, { origin, 'content-type': 'text/plain;charset=UTF-8' }, 'no batch');
    const mine = await beacon(SHOP);
    expect([mine.status, allowed(mine)]).toEqual([400, SHOP]);
    expect(mine.headers.get('access-control-expose-headers')).toMatch(/retry-after, tailrace-pressure/);
    const other = await beacon(EVIL);
    expect([other.status, allowed(other)]).toEqual([403, null]);
    expect((await other.json<ApiError>()).error).toEqual({
      code: 'wrong_origin',
      message: `${id} is not for the origin ${EVIL}`,
    });
  });
});

describe('limits', () => {
  it('hold a key to its rate, and others are not held up', async () => {
    const slow = await make({ class: 'service', spansPerSecond: 100 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => sendSpans(slow, 50)));
    const taken = answers.filter(({ status }) => status === 200).length;
    // Two seconds' worth, and what came in meanwhile.
    expect(taken).toBeGreaterThanOrEqual(4);
    expect(taken).toBeLessThan(8);
    const refused = answers.find(({ status }) => status !== 200)!;
    expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
    expect((await sendSpans(await make({ class: 'service' }), 500)).status).toBe(200);
  });

  it('hold a key to its day, through a restart, until midnight', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      vi.setSystemTime(Date.UTC(2027, 0, 1, 23, 0, 0));
      const key = await make({ class: 'service', spansPerDay: 100 });
      expect((await sendSpans(key, 60)).status).toBe(200);
      await abortAllDurableObjects();
      const refused = await sendSpans(key, 60);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3600']);
      vi.setSystemTime(Date.UTC(2027, 0, 2, 0, 0, 1));
      expect((await sendSpans(key, 100)).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });
});

it('refuses no small request for the day because a large one has no room in it', async () => {
  const key = await make({ class: 'service', spansPerDay: 100 });
  expect((await sendSpans(key, 60)).status).toBe(200);
  expect((await sendSpans(key, 60)).status).toBe(429);
  expect((await sendSpans(key, 30)).status).toBe(200);
  expect((await sendSpans(key, 20)).status).toBe(429);
  expect((await sendSpans(key, 10)).status).toBe(200);
  expect((await sendSpans(key, 1)).status).toBe(429);
});

it('has a sender come again while the Ledger is away, unless its key has no limits', async () => {
  const away = { getByName: () => ({ leaseKey: () => Promise.reject(new Error('away on purpose')) }) };
  const bindings = { ...env, LEDGER: away as unknown as Env['LEDGER'] };
  const key: Key = {
    ...{ id: 'key_1', name: 'n', class: 'service', origins: [], spansPerSecond: 5, spansPerDay: null },
    ...{ createdMs: 0, expiresMs: null, revokedMs: null, hash: 'ab', previous: null },
  };
  await expect(spend(bindings, key, 1)).rejects.toMatchObject({ status: 503, retryAfterSeconds: expect.any(Number) });
  await expect(spend(bindings, { ...key, spansPerSecond: null }, 1)).resolves.toBeUndefined();
});

it('holds a service’s hellos to the rate of its key', async () => {
  const { secret } = await make({ class: 'service', spansPerSecond: 1 });
  const hello = (instance: number) =>
    call('POST', '/v1/hello', { authorization: `Bearer ${secret}` }, `{"service":"till","instance":"${instance}"}`);
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => hello(i)));
  const refused = answers.filter(({ status }) => status !== 204);
  // Two seconds' worth, half a second's more, and what came in meanwhile.
  expect(refused.length).toBeGreaterThanOrEqual(5);
  expect(refused.length).toBeLessThan(9);
  for (const answer of refused) {
    expect([answer.status, (await answer.json<ApiError>()).error.code]).toEqual([429, 'key_limit']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  }
});

it.each([
  ['POST', '/login', 64],
  ['POST', '/api/keys', 64],
  ['POST', '/api/keys/key_1/rotate', 64],
  ['PUT', '/api/config', 256],
  ['POST', '/api/config/dry-run', 256],
])('%s %s reads no body of more than %i KiB, declared or not', async (method, path, kib) => {
  const admin = { authorization: 'Bearer test-admin-key' };
  const error = { code: 'body_too_large', message: `the body has more than ${kib * 1024} bytes` };
  const declared = await call(method, path, admin, ' '.repeat(kib * 1024 + 1));
  expect([declared.status, (await declared.json<ApiError>()).error]).toEqual([413, error]);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 16 * 1024;
      controller.enqueue(new Uint8Array(16 * 1024).fill(32));
    },
  });
  const streamed = await call(method, path, admin, endless);
  expect([streamed.status, (await streamed.json<ApiError>()).error]).toEqual([413, error]);
  expect(sent).toBeLessThan((kib + 128) * 1024);
  const small = await call(method, path, admin, ' '.repeat(kib * 1024));
  expect(small.status).toBeLessThan(413);
});

describe('/api/keys', () => {
  it('tells a secret once, and lists what a key is', async () => {
    const key = await make({ class: 'page', origins: [SHOP], spansPerSecond: 5, name: 'the shop' });
    expect(key.secret).toMatch(/^tr_page_[\w-]{43}$/);
    const list = await (await asAdmin('GET', '/api/keys')).text();
    expect(list).not.toContain(key.secret);
    const { keys } = JSON.parse(list) as { keys: { id: string }[] };
    expect(keys.find(({ id }) => id === key.id)).toEqual({
      id: key.id,
      name: 'the shop',
      class: 'page',
      origins: [SHOP],
      spansPerSecond: 5,
      spansPerDay: null,
      created: expect.stringMatching(/Z$/),
      expires: null,
      revoked: null,
      previousUntil: null,
    });
  });

  it.each([
    [{ class: 'page' }, 'origins: a page key, and no other, has origins'],
    [{ class: 'read', origins: [SHOP] }, 'origins: a page key, and no other, has origins'],
    [{ class: 'page', origins: [`${SHOP}/cart`] }, 'origins.0: want an origin'],
    [{ class: 'read', spansPerDay: 5 }, 'spansPerSecond: only keys that send spans have limits'],
    [{ class: 'root' }, 'class: '],
    [{ class: 'read', expires: '2020-01-01T00:00:00Z' }, 'expires: is in the past'],
    [{ class: 'read', expires: '2090-01-31T00:00:00+01' }, 'expires: '],
    [{ class: 'read', name: ' ' }, 'name: '],
  ])('refuses %j and says what is wrong', async (wanted, message) => {
    const response = await asAdmin('POST', '/api/keys', { name: 'test', ...wanted });
    const { error } = await response.json<ApiError>();
    expect([response.status, error.code, error.message.slice(0, message.length)]).toEqual([400, 'bad_key', message]);
  });

  it('makes room for a new key only where one is out of use', async () => {
    const key = (number: number, revokedMs: number | null): Key => ({
      ...{ id: `key_${number}`, name: 'n', class: 'read', origins: [], spansPerSecond: null, spansPerDay: null },
      ...{ createdMs: 1_000, expiresMs: null, revokedMs, hash: 'ab', previous: null },
    });
    await runInDurableObject(env.CONTROL.getByName('full'), (_, { storage }) => {
      const table = new KeyTable(storage.sql);
      for (let i = 0; i < MAX_KEYS; i++) expect(table.add(key(i, i === 7 ? 500 : null))).toBe(true);
      expect(table.add(key(MAX_KEYS, null))).toBe(true);
      expect([table.get('key_7'), table.get('key_8')?.id]).toEqual([null, 'key_8']);
      expect(table.add(key(MAX_KEYS + 1, null))).toBe(false);
      // What is read after a restart is the same.
      expect(new KeyTable(storage.sql).list.keys).toHaveLength(MAX_KEYS);
      expect(new KeyTable(storage.sql).list.version).toBe(table.list.version);
    });
  });
});

describe('/api/audit', () => {
  it('keeps the newest, a row each', async () => {
    await runInDurableObject(env.CONTROL.getByName('ring'), (instance: Control, { storage }) => {
      storage.sql.exec('DROP TABLE audit');
      const log = new AuditLog(storage.sql, 5);
      for (let i = 1; i <= 12; i++) log.note({ who: 'w', action: 'trace.read', subject: String(i) }, i);
      const subjects = (log: AuditLog, before: number | null, limit: number) =>
        log.read(before, limit).map(({ subject }) => Number(subject));
      expect(subjects(log, null, 10)).toEqual([12, 11, 10, 9, 8]);
      expect(subjects(log, 11, 2)).toEqual([10, 9]);
      expect(subjects(log, 8, 2)).toEqual([]);
      expect(subjects(new AuditLog(storage.sql, 5), null, 1)).toEqual([12]);
      const before = instance.meter.totals().object_rows_written;
      for (let i = 0; i < 10; i++) log.note({ who: 'w', action: 'trace.read', subject: 'x' }, i);
      expect(instance.meter.totals().object_rows_written - before).toBe(10);
    });
  });

  it('has who did what, the newest first, page by page', async () => {
    const traceId = randomTraceId();
    const { id, secret } = await make({ class: 'admin' });
    const own = { authorization: `Bearer ${secret}` };
    const { id: other } = await (await call('POST', '/api/keys', own, '{"name":"n","class":"read"}')).json<MadeKey>();
    await call('POST', `/api/keys/${other}/rotate`, own);
    await call('DELETE', `/api/keys/${other}`, own);
    await call('PUT', `/api/traces/${traceId}/hold`, own);
    await call('DELETE', `/api/traces/${traceId}/hold`, own);
    await call('DELETE', `/api/traces/${traceId}`, own);
    const { version } = await (await call('PUT', '/api/config', own, env.TAILRACE_CONFIG!)).json<{ version: number }>();
    await call('DELETE', '/api/config', own);
    await call('GET', '/api/export', own);
    interface Page {
      records: { at: string; who: string; action: string; subject: string }[];
      cursor: string | null;
    }
    const read = async () => {
      const records: Page['records'] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: Page = await (await asAdmin('GET', `/api/audit?limit=3&cursor=${cursor}`)).json<Page>();
        records.push(...page.records);
        cursor = page.cursor;
      }
      return records.filter(({ who }) => who === id).map(({ action, subject }) => `${action} ${subject}`.trim());
    };
    await vi.waitUntil(async () => (await read())[0] === 'trace.export');
    expect(await read()).toEqual([
      'trace.export',
      `config.delete ${version + 1}`,
      `config.put ${version}`,
      `trace.erase ${traceId}`,
      `trace.release ${traceId}`,
      `trace.hold ${traceId}`,
      `key.revoke ${other}`,
      `key.rotate ${other}`,
      `key.create ${other}`,
    ]);
  });

  it('holds up no read of a trace, and has nothing done that it cannot have', async () => {
    const traceId = randomTraceId();
    const headers = { authorization: 'Bearer test-ingest-key', 'content-type': 'application/json' };
    await call('POST', '/v1/traces', headers, claiming(traceId, 'x'));
    const control = env.CONTROL.getByName('control');
    const away = { current: () => control.current(null), note: () => Promise.reject(new Error('away on purpose')) };
    const bindings = { ...env, CONTROL: { getByName: () => away } as unknown as Env['CONTROL'] };
    const ask = async (method: string) => {
      const request = new Request(`https://edge.test/api/traces/${traceId}`, {
        method,
        headers: { authorization: 'Bearer test-admin-key' },
      });
      return (await worker.fetch(request as never, bindings, createExecutionContext())).status;
    };
    expect([await ask('GET'), await ask('DELETE'), await ask('GET')]).toEqual([200, 503, 200]);
  });

  it('has the reads of traces', async () => {
    const traceId = randomTraceId();
    await sendSpans({ id: '', secret: 'test-ingest-key' }, 1);
    const headers = { authorization: 'Bearer test-ingest-key', 'content-type': 'application/json' };
    await call('POST', '/v1/traces', headers, claiming(traceId, 'x'));
    await attributesOf(traceId);
    await vi.waitUntil(async () => {
      const text = await (await asAdmin('GET', '/api/audit')).text();
      return text.includes(`"who":"TAILRACE_READ_KEY","action":"trace.read","subject":"${traceId}"`);
    });
  });
});
