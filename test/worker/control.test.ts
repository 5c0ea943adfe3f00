import {
  createExecutionContext,
  createScheduledController,
  runDurableObjectAlarm,
  runInDurableObject,
  waitOnExecutionContext,
} from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { type DryRunBounds, dryRunLog } from '../../durable-objects/dry-run-log.ts';
import type { Journal } from '../../durable-objects/journal.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { parseHex } from '../../model/ids.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { ownerOf, slotOf } from '../../model/routing.ts';
import type { ApiError, Trace } from '../../model/span.ts';
import worker from '../../worker/index.ts';
import { frame, otlp, randomTraceId, TEST_START_US, TEST_TABLE, type TestSpan, traceId } from '../kit/spans.ts';

const SHARDS = 4;
const BASE = JSON.parse(env.TAILRACE_CONFIG!) as object;

async function call(method: string, path: string, body?: string, key = 'admin', headers: Record<string, string> = {}) {
  const authorization: Record<string, string> = key === '' ? {} : { authorization: `Bearer test-${key}-key` };
  return exports.default.fetch(
    new Request(`https://edge.test${path}`, {
      method,
      headers: { ...authorization, ...headers },
      ...(body === undefined ? {} : { body }),
    }),
  );
}

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

async function decideAll(): Promise<void> {
  for (let i = 0; i < SHARDS; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
}

/** Ids of traces, one for each shard, that chance would not keep. */
let next = 1_000_000;
function oneForEachShard(): string[] {
  const ids: string[] = [];
  while (Object.keys(ids).length < SHARDS) {
    const id = traceId(next++, false);
    ids[ownerOf(slotOf(parseHex(id)!), SHARDS)] ??= id;
  }
  return ids;
}

async function trace(id: string): Promise<Trace> {
  const response = await call('GET', `/api/traces/${id}`, undefined, 'read');
  expect(response.status).toBe(200);
  return response.json<Trace>();
}

const failure = async (response: Response) => [response.status, (await response.json<ApiError>()).error.code];

const ID = traceId(9, true);

const ADMINS_ONLY = [
  ['PUT', '/api/config'],
  ['DELETE', '/api/config'],
  ['DELETE', `/api/traces/${ID}`],
  ['PUT', `/api/traces/${ID}/hold`],
  ['DELETE', `/api/traces/${ID}/hold`],
  ['POST', '/api/expire'],
] as const;

describe('who may', () => {
  it.each(ADMINS_ONLY)('%s %s only with the admin key', async (method, path) => {
    for (const key of ['', 'read', 'ingest', 'wrong']) {
      expect(await failure(await call(method, path, method === 'DELETE' ? undefined : '{}', key))).toEqual([
        401,
        'unauthorized',
      ]);
    }
  });

  it.each(ADMINS_ONLY)('%s %s nobody where no admin key is configured', async (method, path) => {
    const { TAILRACE_ADMIN_KEY: _, ...without } = env;
    for (const key of ['read', 'admin', 'undefined', '']) {
      const request = new Request(`https://edge.test${path}`, {
        method,
        headers: { authorization: `Bearer ${key === '' ? '' : `test-${key}-key`}` },
        ...(method === 'DELETE' ? {} : { body: '{}' }),
      });
      const response = await worker.fetch(
        request as Parameters<typeof worker.fetch>[0],
        without,
        createExecutionContext(),
      );
      expect(await failure(response)).toEqual([401, 'unauthorized']);
    }
  });

  it.each([
    ['GET', '/api/config'],
    ['POST', '/api/config/dry-run'],
    ['POST', `/api/traces/${ID}/keep`],
    ['GET', '/api/export'],
  ])('%s %s with the read key', async (method, path) => {
    for (const key of ['', 'ingest', 'wrong']) {
      expect(await failure(await call(method, path, method === 'POST' ? '{}' : undefined, key))).toEqual([
        401,
        'unauthorized',
      ]);
    }
  });
});

describe('/api/config', () => {
  it('names the variable where that is what is wrong', async () => {
    const request = new Request('https://edge.test/api/services', {
      headers: { authorization: 'Bearer test-read-key' },
    });
    const wrong = { ...env, TAILRACE_CONFIG: '{"shards":0}' };
    const response = await worker.fetch(request as never, wrong, createExecutionContext());
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      error: { code: 'not_configured', message: expect.stringMatching(/^TAILRACE_CONFIG: shards: /) },
    });
  });

  it.each([
    ['{', 'the document is not JSON'],
    ['', 'the body is empty'],
    ['{"rules":[{"type":"latency","minMs":"1s"}]}', 'rules.0.minMs: '],
    ['{"shards":0}', 'shards: '],
  ])('refuses %s and names the path', async (body, message) => {
    for (const [method, path] of [
      ['PUT', '/api/config'],
      ['POST', '/api/config/dry-run'],
    ] as const) {
      const response = await call(method, path, body);
      expect(response.status).toBe(400);
      const { error } = await response.json<ApiError>();
      expect([error.code, error.message.startsWith(message)]).toEqual(['bad_config', true]);
    }
  });

  it('is in force on every shard, keeps the one before, and goes back to the variable', async () => {
    type Answer = { version: number; source: string; document: object };
    const first = await (await call('GET', '/api/config', undefined, 'read')).json<Answer>();
    expect(first).toMatchObject({ source: 'variable', document: BASE });
    const text = JSON.stringify({ ...BASE, rules: [{ type: 'always', name: 'all-of-them' }] });
    const put = await call('PUT', '/api/config', text, 'admin', { 'if-match': `"${first.version}"` });
    expect(put.status).toBe(200);
    const { version } = await put.json<Answer>();
    expect(version).toBeGreaterThan(first.version);
    expect(put.headers.get('etag')).toBe(`"${version}"`);

    expect(
      await failure(await call('PUT', '/api/config', text, 'admin', { 'if-match': `"${first.version}"` })),
    ).toEqual([412, 'version_conflict']);
    expect(
      await failure(await call('PUT', '/api/config', JSON.stringify({ ...BASE, version: first.version }))),
    ).toEqual([409, 'version_conflict']);
    expect(await failure(await call('PUT', '/api/config', text, 'admin', { 'if-match': 'x' }))).toEqual([
      400,
      'bad_parameter',
    ]);

    await vi.waitFor(
      async () => {
        const ids = oneForEachShard();
        await send(ids.map((id) => ({ traceId: id, id: 1 })));
        await decideAll();
        for (const id of ids) {
          expect((await trace(id)).decision).toMatchObject({
            keep: true,
            policy: 'all-of-them',
            configVersion: version,
          });
        }
      },
      { timeout: 10_000, interval: 500 },
    );

    const back = await (await call('DELETE', '/api/config')).json<Answer>();
    expect(back).toMatchObject({ source: 'variable', document: BASE });
    expect(back.version).toBeGreaterThan(version);
    const previous = await (await call('GET', '/api/config?version=previous')).json<Answer>();
    expect(previous).toMatchObject({ version, source: 'put', document: { rules: [{ type: 'always' }] } });
    expect(await failure(await call('GET', '/api/config?version=3'))).toEqual([400, 'bad_parameter']);
    await vi.waitFor(
      async () => {
        const ids = oneForEachShard();
        await send(ids.map((id) => ({ traceId: id, id: 1 })));
        await decideAll();
        for (const id of ids)
          expect((await trace(id)).decision).toMatchObject({ keep: false, configVersion: back.version });
      },
      { timeout: 10_000, interval: 500 },
    );
  });

  it('dry-run: counts exactly what a document would keep, beside what was kept', async () => {
    type Answer = {
      window: object;
      traces: number;
      isCut: boolean;
      would: { policy: string; traces: number }[];
      did: { reason: string; traces: number }[];
    };
    const run = async (rules: object[]) =>
      (await call('POST', '/api/config/dry-run', JSON.stringify({ ...BASE, rules }), 'read')).json<Answer>();
    const rules = [{ type: 'operation', name: 'rare', names: ['dry-run-a'] }];
    const before = await run(rules);
    const ids = Array.from({ length: 30 }, () => traceId(next++, false));
    await send(ids.map((id, i) => ({ traceId: id, id: 1, name: i < 12 ? 'dry-run-a' : 'dry-run-b' })));
    await decideAll();
    // A part of a trace that came later is of the same trace.
    await send([{ traceId: ids[20]!, id: 2, parent: 1, name: 'dry-run-a' }]);
    const after = await run(rules);
    const of = (answer: Answer) => answer.would.find(({ policy }) => policy === 'rare')?.traces ?? 0;
    const dropped = (answer: Answer) => answer.did.find(({ reason }) => reason === 'not_sampled')?.traces ?? 0;
    expect([after.traces - before.traces, of(after), dropped(after) - dropped(before)]).toEqual([30, 13, 30]);
    expect(after).toMatchObject({ isCut: false, window: { start: expect.any(String), end: expect.any(String) } });
  });

  it('dry-run: says that it was cut where the log has more than it looks at, and looks at the newest', async () => {
    const shard = env.TRACE_SHARD.getByName('dry-run-cut');
    const ids = Array.from({ length: 12 }, () => traceId(next++, false));
    for (const [i, id] of ids.entries()) {
      const late = { traceId: id, id: 1, name: i < 8 ? 'older' : 'newer' };
      expect(await shard.append(frame([late]), TEST_TABLE)).toBe(true);
    }
    const config = parseConfig(
      JSON.stringify({ rules: [{ type: 'operation', name: 'newer', names: ['newer'] }], probability: 0 }),
    );
    const cutAt = (bounds: DryRunBounds) =>
      runInDurableObject(shard, (instance: TraceShard) => {
        const { journal } = instance as unknown as { journal: Journal };
        return dryRunLog(journal.log, config, Date.now(), bounds);
      });
    const whole = await cutAt({ maxTraces: 12, maxLogBytes: 1e9 });
    expect(whole).toMatchObject({ isCut: false, traces: 12 });
    const few = await cutAt({ maxTraces: 4, maxLogBytes: 1e9 });
    expect(few).toMatchObject({ isCut: true, traces: 4, would: [{ policy: 'newer', traces: 4 }] });
    expect(few.window!.startMs).toBeGreaterThanOrEqual(whole.window!.startMs);
    const short = await cutAt({ maxTraces: 12, maxLogBytes: 1_000 });
    expect([short.isCut, short.traces < 12]).toEqual([true, true]);
  });
});

describe('single traces', () => {
  it('keeps a dropped one by hand', async () => {
    const id = traceId(next++, false);
    await send([{ traceId: id, id: 1 }]);
    await decideAll();
    expect((await trace(id)).state).toBe('dropped');
    expect((await call('POST', `/api/traces/${id}/keep`, undefined, 'read')).status).toBe(200);
    expect((await trace(id)).decision).toMatchObject({ keep: true, rate: 0, reason: 'manual' });
    expect(await failure(await call('POST', `/api/traces/${randomTraceId()}/keep`))).toEqual([404, 'not_found']);
    expect(await failure(await call('POST', '/api/traces/xyz/keep'))).toEqual([400, 'bad_trace_id']);
  });

  it('erases one wherever it is, and for good', async () => {
    const [live, dropped, waiting, stored] = Array.from({ length: 4 }, () => traceId(next++, false)) as [
      string,
      string,
      string,
      string,
    ];
    await send([
      { traceId: dropped, id: 1 },
      { traceId: stored, id: 1, error: true },
      { traceId: waiting, id: 1 },
    ]);
    await decideAll();
    // Kept, and not stored before the next alarm.
    expect((await call('POST', `/api/traces/${waiting}/keep`)).status).toBe(200);
    await send([{ traceId: live, id: 1 }]);
    const ids = [live, dropped, waiting, stored];
    for (const id of ids) {
      await trace(id);
      for (let repeat = 0; repeat < 2; repeat++) expect((await call('DELETE', `/api/traces/${id}`)).status).toBe(204);
      expect((await call('GET', `/api/traces/${id}`)).status).toBe(404);
    }
    await send(ids.map((id) => ({ traceId: id, id: 2, parent: 1, error: true })));
    await decideAll();
    for (const id of ids) {
      expect((await call('GET', `/api/traces/${id}`)).status).toBe(404);
      expect(await failure(await call('POST', `/api/traces/${id}/keep`))).toEqual([404, 'not_found']);
    }
    expect(await failure(await call('DELETE', '/api/traces/xyz'))).toEqual([400, 'bad_trace_id']);
    const metrics = await (await call('GET', '/metrics')).text();
    expect(metrics).toContain('tailrace_spans_erased_total 1\n');
  });
});

describe('expiry', () => {
  it('shows, does and counts what is due, but leaves what is held', async () => {
    const [free, held] = [traceId(next++, true), traceId(next++, true)];
    await send([free, held].map((id) => ({ traceId: id, id: 1, startUs: TEST_START_US })));
    await decideAll();
    expect((await call('PUT', `/api/traces/${held}/hold?days=3000`)).status).toBe(200);
    expect(await failure(await call('PUT', `/api/traces/${held}/hold?days=0`))).toEqual([400, 'bad_parameter']);
    expect(await (await call('POST', '/api/expire?dryRun=1')).json()).toMatchObject({
      intended: { traces: 0 },
      actual: { traces: 0 },
    });

    const context = createExecutionContext();
    await worker.scheduled(
      createScheduledController({ scheduledTime: new Date(Date.now() + 400 * 86_400_000) }),
      env,
      context,
    );
    await waitOnExecutionContext(context);
    const stored = async (id: string) =>
      (await env.DB.prepare('SELECT 1 FROM traces WHERE trace_id = ?').bind(id).all()).results.length;
    expect([await stored(free), await stored(held)]).toEqual([0, 1]);
    const metrics = await (await call('GET', '/metrics')).text();
    const value = (count: string) =>
      Number(new RegExp(`tailrace_expired_traces_total\\{count="${count}"\\} (\\d+)`).exec(metrics)?.[1]);
    expect(value('actual')).toBeGreaterThan(0);
    expect(value('intended')).toBe(value('actual'));
    expect((await call('DELETE', `/api/traces/${held}/hold`)).status).toBe(204);
  });
});

it('exports a range as OTLP', async () => {
  const startUs = TEST_START_US + 86_400_000_000;
  const ids = Array.from({ length: 5 }, () => traceId(next++, true));
  await send(ids.map((id, i) => ({ traceId: id, id: 1, startUs: startUs + i })));
  await decideAll();
  const response = await call('GET', `/api/export?start=${startUs}&end=${startUs + 3}`, undefined, 'read');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-protobuf']);
  const spans = decodeSpans(new Uint8Array(await response.arrayBuffer()), 'kept');
  expect(spans.map((span) => span.traceId).sort()).toEqual(ids.slice(0, 4).sort());
  const empty = await call('GET', `/api/export?start=${startUs + 1e6}&end=${startUs + 2e6}`);
  expect((await empty.arrayBuffer()).byteLength).toBe(0);
  expect(await failure(await call('GET', '/api/export?service=a'))).toEqual([400, 'unknown_parameter']);
  expect(await failure(await call('GET', '/api/export?start=0'))).toEqual([400, 'range_too_long']);
});
