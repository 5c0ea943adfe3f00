import {
  abortAllDurableObjects,
  createExecutionContext,
  createScheduledController,
  runDurableObjectAlarm,
  waitOnExecutionContext,
} from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';
import type { ApiError } from '../../model/span.ts';
import { encodeMinute } from '../../model/statistics-row.ts';
import { storeBindings } from '../../store/bindings.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { rollUpStatistics } from '../../store/roll-up.ts';
import worker from '../../worker/index.ts';
import type { Dependency, OperationDependency } from '../../worker/query/dependencies.ts';
import type { RedSeries } from '../../worker/query/red.ts';
import type { ServiceNode, ServiceSurroundings } from '../../worker/query/service-graph.ts';
import type { Window } from '../../worker/query/time-params.ts';
import { type CountedSpan, rowOf } from '../kit/counted-spans.ts';
import { otlp, randomTraceId, type TestSpan } from '../kit/spans.ts';

const MINUTE_US = 60_000_000;
const DAY_MS = 86_400_000;
const nowUs = () => Date.now() * 1000;

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

async function json<T>(path: string): Promise<T> {
  const response = await get(path);
  expect(response.status).toBe(200);
  return response.json<T>();
}

async function decideAll(): Promise<void> {
  for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
}

/** `page` calls `api`, which calls `db` in every second trace; each span's duration tells its trace. */
function traces(prefix: string, count: number, startUs: (i: number) => number): TestSpan[] {
  return Array.from({ length: count }, (_, i): TestSpan[] => {
    const traceId = randomTraceId();
    const at = { traceId, startUs: startUs(i), error: i % 5 === 0 };
    const spans: TestSpan[] = [
      { ...at, id: 1, service: `${prefix}-page`, name: 'load', kind: 3, durationUs: 9_000 + i * 100 },
      {
        ...at,
        id: 2,
        parent: 1,
        service: `${prefix}-api`,
        name: `GET /${i % 3}`,
        kind: 2,
        durationUs: 5_000 + i * 100,
      },
    ];
    const query = { id: 3, parent: 2, service: `${prefix}-db`, name: 'query', kind: 2, durationUs: 1_000 + i * 100 };
    return i % 2 === 0 ? [...spans, { ...at, ...query }] : spans;
  }).flat();
}

/** The smallest that at least the share `q` are not above. */
function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(q * values.length) - 1)]!;
}

function expectNear(found: number | null, wanted: number): void {
  expect(Math.abs(found! - wanted) / wanted).toBeLessThan(0.045);
}

describe('from what is stored and what only shards have', () => {
  const spans = traces('red', 80, (i) => nowUs() - (i % 4) * 9 * MINUTE_US);
  const ofService = (service: string) => spans.filter((span) => span.service === service);

  it('the graph of services is the brute-force count', async () => {
    await send(spans);
    await decideAll();
    const { dependencies } = await json<{ dependencies: Dependency[] }>('/api/dependencies');
    for (const [parent, child] of [
      ['red-page', 'red-api'],
      ['red-api', 'red-db'],
    ] as const) {
      const [edge, ...others] = dependencies.filter((each) => each.parent === parent && each.child === child);
      expect(others).toEqual([]);
      const calls = ofService(child);
      expect(edge).toMatchObject({
        calls: calls.length,
        callsLow: calls.length,
        callsHigh: calls.length,
        errors: calls.filter(({ error }) => error).length,
        lastSeenUs: Math.max(...calls.map(({ startUs }) => Math.floor(startUs! / MINUTE_US) * MINUTE_US)),
        confidence: 'high',
      });
      const durations = calls.map(({ durationUs }) => durationUs!);
      expectNear(edge!.p50Us, quantile(durations, 0.5));
      expectNear(edge!.p95Us, quantile(durations, 0.95));
    }
    const of = await json<{ callers: Dependency[]; callees: Dependency[] }>('/api/services/red-api/dependencies');
    expect(of.callers.map(({ parent }) => parent)).toEqual(['red-page']);
    expect(of.callees.map(({ child }) => child)).toEqual(['red-db']);
  });

  it('a service’s series is the brute-force count of each step', async () => {
    const { stepUs, series } = await json<{ stepUs: number; series: RedSeries[] }>('/api/services/red-api/red?step=5m');
    expect(stepUs).toBe(5 * MINUTE_US);
    expect(series).toHaveLength(1);
    for (const step of series[0]!.steps) {
      const within = ofService('red-api').filter(
        ({ startUs }) => startUs! >= step.startUs && startUs! < step.startUs + stepUs,
      );
      expect(step).toMatchObject({ calls: within.length, errors: within.filter(({ error }) => error).length });
      if (within.length > 0) {
        expectNear(
          step.p95Us,
          quantile(
            within.map(({ durationUs }) => durationUs!),
            0.95,
          ),
        );
      } else expect(step.p95Us).toBeNull();
    }
    expect(series[0]!.total.calls).toBe(80);
  });

  it('and so is that of each operation', async () => {
    const { series } = await json<{ series: RedSeries[] }>('/api/services/red-api/red?by=kind');
    const counts = series.map(({ operation, kind, total }) => [operation, kind, total.calls]);
    const callsOf = (name: string) => ofService('red-api').filter((span) => span.name === name).length;
    expect(counts).toEqual(['GET /0', 'GET /1', 'GET /2'].map((name) => [name, 'server', callsOf(name)]));
    const { operations } = await json<{ operations: { name: string; red: { calls: number }[] }[] }>(
      '/api/services/red-api/operations',
    );
    expect(operations.map(({ name, red }) => [name, red[0]!.calls])).toEqual(
      ['GET /0', 'GET /1', 'GET /2'].map((name) => [name, callsOf(name)]),
    );
  });
});

describe('of services that call each other', () => {
  const minutesAgo = (minutes: number) => nowUs() - minutes * MINUTE_US;

  it('the graph has each one’s calls, what comes from outside, and how much reaches it', async () => {
    await send(traces('graph', 40, () => minutesAgo(3)));
    await decideAll();
    type Graph = Window & { services: ServiceNode[]; dependencies: Dependency[] };
    const { startUs, endUs, services, dependencies } = await json<Graph>('/api/dependencies?service=graph-api');
    expect(dependencies.map(({ parent, child, calls }) => [parent, child, calls])).toEqual([
      ['graph-api', 'graph-db', 20],
      ['graph-page', 'graph-api', 40],
    ]);
    // The page's spans are of clients.
    expect(dependencies[0]!.clientP50Us).toBe(null);
    expectNear(dependencies[1]!.clientP50Us, 10_900);
    expect(Math.abs(dependencies[1]!.networkP50Us! - 4_000)).toBeLessThan(0.045 * (10_900 + 6_900));
    expect(services.map(({ service, calls, entries }) => [service, calls, entries])).toEqual([
      ['graph-api', 40, 0],
      ['graph-db', 20, 0],
      ['graph-page', 40, 40],
    ]);
    const [api, db] = services;
    expect(db!.criticality / api!.criticality).toBeCloseTo(0.5, 9);
    expect(api!.rate).toBeCloseTo(40 / ((endUs - startUs) / 1e6), 9);
    const of = await json<ServiceSurroundings>('/api/services/graph-db/dependencies');
    expect(of.blastRadius).toEqual([
      { service: 'graph-api', share: 0.5 },
      { service: 'graph-page', share: 0.5 },
    ]);
    expect(of.node).toMatchObject({ service: 'graph-db', calls: 20 });
    expect(of.callees).toEqual([]);
  });

  it('operations are told apart where they are asked for', async () => {
    const { dependencies } = await json<{ dependencies: OperationDependency[] }>(
      '/api/dependencies?operations=1&service=graph-db',
    );
    const calls = dependencies.map(({ parentOperation, childOperation, calls }) => [
      parentOperation,
      childOperation,
      calls,
    ]);
    expect(calls).toEqual([
      ['GET /0', 'query', 7],
      ['GET /1', 'query', 6],
      ['GET /2', 'query', 7],
    ]);
  });

  it('what appeared and what vanished between two windows', async () => {
    const call = (parent: string, child: string, startUs: number): TestSpan[] => {
      const at = { traceId: randomTraceId(), startUs, kind: 2 };
      return [
        { ...at, id: 1, service: parent },
        { ...at, id: 2, parent: 1, service: child },
      ];
    };
    const [old, recent] = [minutesAgo(40), minutesAgo(10)];
    await send([
      ...call('change-a', 'change-b', old),
      ...call('change-a', 'change-b', recent),
      ...call('change-a', 'change-c', old),
      ...call('change-a', 'change-d', recent),
    ]);
    await decideAll();
    const range = `start=${minutesAgo(20)}&end=${nowUs()}&beforeStart=${minutesAgo(50)}&beforeEnd=${minutesAgo(30)}`;
    type Changes = { appeared: Dependency[]; vanished: Dependency[] };
    const { appeared, vanished } = await json<Changes>(`/api/dependencies/changes?${range}`);
    const ofTest = (edges: Dependency[]) => edges.filter(({ parent }) => parent === 'change-a');
    expect(ofTest(appeared)).toMatchObject([{ child: 'change-d', calls: 1, confidence: 'low' }]);
    expect(ofTest(vanished)).toMatchObject([{ child: 'change-c', calls: 1 }]);
    // Without a second window it is the one before, as long.
    const { before } = await json<{ before: object }>(
      `/api/dependencies/changes?start=${600 * MINUTE_US}&end=${660 * MINUTE_US}`,
    );
    expect(before).toEqual({ startUs: 540 * MINUTE_US, endUs: 600 * MINUTE_US });
  });

  it('the slowest kept trace and one that failed show what they are about', async () => {
    const trace = (durationUs: number, error: boolean, startUs: number): TestSpan => {
      return { traceId: randomTraceId(), id: 1, service: 'shown', name: 'work', startUs, durationUs, error };
    };
    const slow = trace(9_000_000, false, minutesAgo(2));
    const failed = trace(1_000, true, minutesAgo(1));
    await send([slow, failed, trace(2_000, true, minutesAgo(2))]);
    await decideAll();
    expect(await json('/api/services/shown/exemplars?operation=work')).toMatchObject({
      slowest: { traceId: slow.traceId, durationUs: 9_000_000, status: 'ok' },
      failed: { traceId: failed.traceId, status: 'error' },
    });
    expect(await json('/api/services/shown/exemplars?operation=nothing')).toMatchObject({
      slowest: null,
      failed: null,
    });
  });
});

it('a window without spans has no edges and no series', async () => {
  const range = 'start=2020-01-01T00:00:00Z&end=2020-01-01T01:00:00Z';
  expect(await json(`/api/dependencies?${range}`)).toMatchObject({ dependencies: [] });
  expect(await json(`/api/services/nobody/red?${range}`)).toMatchObject({ series: [] });
});

it.each([
  ['dependencies?start=yesterday', 'bad_time', 'start is "yesterday"; want ISO 8601'],
  ['dependencies?start=2026-01-02&end=2026-01-01', 'bad_range', 'start is after end'],
  ['dependencies?start=2026-01-01&end=2026-02-02', 'range_too_long', 'more than 30 days'],
  ['dependencies?stop=1', 'unknown_parameter', 'stop is not known; known are start, end'],
  ['dependencies?operations=yes', 'bad_parameter', 'operations is 1, or left out'],
  ['dependencies/changes?beforeStart=2026-01-02&beforeEnd=2026-01-01', 'bad_range', 'is after beforeEnd'],
  [
    'dependencies/changes?beforeStart=2026-01-02&beforeEnd=2026-09-01',
    'range_too_long',
    'from beforeStart to beforeEnd',
  ],
  ['services/a/exemplars?operatoin=x', 'unknown_parameter', 'operatoin is not known'],
  ['services/a/dependencies?limit=1', 'unknown_parameter', 'limit is not known'],
  ['services/a/operations?end=soon', 'bad_time', 'end is "soon"'],
  ['services/a/red?step=fast', 'bad_duration', 'step is "fast"; want a number and a unit'],
  ['services/a/red?step=90s', 'bad_duration', 'want whole minutes'],
  ['services/a/red?step=0m', 'bad_duration', 'want whole minutes'],
  ['services/a/red?kind=serving', 'bad_parameter', 'want some of unspecified, internal, server'],
  ['services/a/red?by=host', 'bad_parameter', 'want service, operation, kind'],
  ['services/a/red?operation=b&step=1m&start=2026-01-01&end=2026-01-02', 'range_too_long', 'ask for step=1h'],
  ['services/a/red?step=1m&start=2026-01-01&end=2026-01-03', 'too_many_steps', 'there may be 1500'],
])('refuses %s and says what would be right', async (query, code, message) => {
  const response = await get(`/api/${query}`);
  const { error } = await response.json<ApiError>();
  expect([response.status, error.code]).toEqual([400, code]);
  expect(error.message).toContain(message);
});

it('the cron rolls up what is over, and answers stay as they were', async () => {
  const db = env.DB;
  const startUs = nowUs() - 50 * MINUTE_US;
  // A shard that has started writes its rows with the next alarm, and then once a minute.
  await abortAllDurableObjects();
  await send(traces('rolled', 30, () => startUs));
  await decideAll();
  const minuteMs = startUs / 1000 - ((startUs / 1000) % 60_000);
  const rows = db.prepare('SELECT count(*) AS n FROM statistics WHERE minute_ms = ?1').bind(minuteMs);
  expect((await rows.first<{ n: number }>())!.n).toBe(4);
  const range = `start=${startUs - 600 * MINUTE_US}&end=${nowUs()}`;
  const before = await json<{ dependencies: Dependency[] }>(`/api/dependencies?${range}`);
  const ctx = createExecutionContext();
  await worker.scheduled(createScheduledController({ scheduledTime: Date.now() }), env as unknown as Env, ctx);
  await waitOnExecutionContext(ctx);
  const count = async () => (await db.prepare('SELECT count(*) AS n FROM roll_ups').first<{ n: number }>())!.n;
  const rolled = await count();
  expect(rolled).toBeGreaterThan(0);
  expect((await json<{ dependencies: Dependency[] }>(`/api/dependencies?${range}`)).dependencies).toEqual(
    before.dependencies,
  );
  // Late spans count at once, from the shard's memory, though their minute is in a roll-up.
  await send(traces('rolled', 6, () => startUs));
  await decideAll();
  const { dependencies } = await json<{ dependencies: Dependency[] }>(`/api/dependencies?${range}`);
  expect(dependencies.find(({ child }) => child === 'rolled-api')!.calls).toBe(36);
});

it('what is rolled up is read from roll-ups alone, by whatever endpoint', async () => {
  const store = createD1R2Store(storeBindings(env as unknown as Env));
  const day = Math.floor(Date.now() / DAY_MS) - 3;
  const spans = Array.from({ length: 96 }, (_, i): CountedSpan => {
    const caller = { service: 'old-page', name: 'load' };
    const minute = day * 1_440 + i * 15;
    return {
      shard: 's',
      minute,
      service: 'old-api',
      name: `op-${i % 2}`,
      kind: 2,
      durationUs: 5_000,
      isError: false,
      caller,
    };
  });
  await store.writeStatistics(
    spans.map((span) => {
      const data = encodeMinute(rowOf(span.minute, [span]));
      return { shard: span.shard, minuteMs: span.minute * 60_000, version: 1, data };
    }),
  );
  await rollUpStatistics(store, Date.now(), 1_000);
  await env.DB.prepare('DELETE FROM statistics WHERE minute_ms < ?1')
    .bind((day + 1) * DAY_MS)
    .run();
  // A little more than the day, so that its beginning is no multiple of anything.
  const range = `start=${(day * DAY_MS - 420_000) * 1000}&end=${((day + 1) * DAY_MS + 60_000) * 1000}`;
  const { dependencies } = await json<{ dependencies: Dependency[] }>(`/api/dependencies?${range}`);
  expect(dependencies).toMatchObject([{ parent: 'old-page', child: 'old-api', calls: 96 }]);
  const lastSeenUs = spans.at(-1)!.minute * MINUTE_US;
  expect(dependencies[0]!.lastSeenUs).toBe(lastSeenUs);
  const ofOperations = await json<{ dependencies: Dependency[] }>(`/api/dependencies?operations=1&${range}`);
  expect(ofOperations.dependencies.map(({ calls }) => calls)).toEqual([48, 48]);
  type Operations = { operations: { name: string; red: { calls: number }[] }[] };
  const { operations } = await json<Operations>(`/api/services/old-api/operations?${range}`);
  expect(operations.map(({ name, red }) => [name, red[0]!.calls])).toEqual([
    ['op-0', 48],
    ['op-1', 48],
  ]);
  for (const [query, calls] of [
    ['step=10m', 1],
    ['step=1h', 4],
    ['step=1h&by=operation', 2],
    ['step=24h', 96],
  ] as const) {
    const { series } = await json<{ series: RedSeries[] }>(`/api/services/old-api/red?${query}&${range}`);
    const counts = series.map(({ steps }) => new Set(steps.map((step) => step.calls)));
    for (const each of counts) expect([...each].sort((a, b) => b - a)[0]).toBe(calls);
    expect(series.reduce((sum, { total }) => sum + total.calls, 0)).toBe(96);
  }
});
