/** What is answered about one trace and about two: forms, errors, and when what was made of a trace is made again. */

import { runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { ConfigSource } from '../../durable-objects/config-source.ts';
import type { CompareAnswer } from '../../model/difference.ts';
import { Histogram } from '../../model/histogram.ts';
import type { JaegerTrace } from '../../model/jaeger/trace-json.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { encodeJsonTraces } from '../../model/otlp/json.ts';
import { type ApiError, SPAN_KINDS, type Trace } from '../../model/span.ts';
import { encodeMinute } from '../../model/statistics-row.ts';
import type { TimelineAnswer } from '../../model/timeline.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { findTrace } from '../../worker/query/traces.ts';
import { otlp, randomTraceId, spanId, TEST_START_US, type TestSpan, traceId } from '../kit/spans.ts';
import { bindings } from '../store/bindings.ts';
import { wrapBindings } from '../store/wrapped-bindings.ts';

let next = 80_000;
const HOUR_US = 3_600_000_000;

async function send(spans: readonly TestSpan[]): Promise<void> {
  const response = await exports.default.fetch('https://edge.test/v1/traces', {
    method: 'POST',
    headers: { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' },
    body: otlp(spans) as Uint8Array<ArrayBuffer>,
  });
  expect(response.status).toBe(200);
}

function call(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  const authorization = `Bearer test-${method === 'GET' ? 'read' : 'admin'}-key`;
  return exports.default.fetch(`https://edge.test${path}`, { method, headers: { authorization, ...headers } });
}

/** Decides and stores what is complete. */
async function decideAll(): Promise<void> {
  for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
}

/** The statistics of one minute, as a shard writes them. */
async function count(startUs: number, service: string, name: string, durations: readonly number[]): Promise<void> {
  const histogram = new Histogram();
  for (const us of durations) histogram.record(us);
  const minute = Math.floor(startUs / 60_000_000);
  const cell = { spans: durations.length, errors: 0, variance: 0, errorVariance: 0, sumUs: 0, durations: histogram };
  const data = encodeMinute({
    minute,
    operations: [{ service, name }],
    cells: [{ operation: 0, kind: SPAN_KINDS.indexOf('server'), ...cell }],
    edges: [],
  });
  const row = { shard: `test-${service}`, minuteMs: minute * 60_000, version: 1, data };
  await createD1R2Store(bindings).writeStatistics([row]);
}

/** A trace that is kept: a root, two calls, one of which fails. */
function spansOf(id: string, startUs = TEST_START_US): TestSpan[] {
  return [
    { traceId: id, id: 1, name: 'GET /cart', startUs, durationUs: 10_000 },
    { traceId: id, id: 2, parent: 1, service: 'stock', name: 'query', startUs: startUs + 1_000, durationUs: 4_000 },
    { traceId: id, id: 3, parent: 1, name: 'render', startUs: startUs + 6_000, durationUs: 1_000, error: true },
  ];
}

async function storedTrace(): Promise<string> {
  const id = traceId(next++);
  await send(spansOf(id));
  await decideAll();
  return id;
}

describe('GET /api/traces/{id}/timeline', () => {
  it('has the tree on one clock, path, errors and what operations usually take', async () => {
    const id = await storedTrace();
    const response = await call(`/api/traces/${id}/timeline`);
    expect(response.headers.get('content-type')).toBe('application/json');
    const timeline = await response.json<TimelineAnswer>();
    expect(timeline).toMatchObject({
      traceId: id,
      state: 'kept',
      decision: { keep: true },
      completeness: { score: 1 },
      startUs: TEST_START_US,
      durationUs: 10_000,
      headless: false,
      duplicates: 0,
      rows: [
        { spanId: spanId(1), operation: 0, parent: -1, depth: 0, offsetUs: 0, durationUs: 10_000, selfUs: 5_000 },
        { spanId: spanId(2), operation: 1, parent: 0, depth: 1, offsetUs: 1_000, clock: 1, criticalUs: 4_000 },
        { spanId: spanId(3), operation: 2, parent: 0, depth: 1, startUs: TEST_START_US + 6_000, status: 'error' },
      ],
      errorChain: [2, 0],
    });
    expect(timeline.operations.map(({ service, name, kind }) => [service, name, kind])).toEqual([
      ['shop', 'GET /cart', 'server'],
      ['stock', 'query', 'internal'],
      ['shop', 'render', 'internal'],
    ]);
    expect(timeline.criticalPath.map(({ row, durationUs }) => [row, durationUs])).toEqual([
      [0, 1_000],
      [1, 4_000],
      [0, 1_000],
      [2, 1_000],
      [0, 3_000],
    ]);
  });

  it('says where each span stands among those of its operation, two minutes around the trace', async () => {
    const startUs = TEST_START_US - 30 * 60_000_000;
    const spans = [7_000, 100, 500_000].map((durationUs): TestSpan => {
      return { traceId: traceId(next++), id: 1, service: 'ranked', name: 'rank', startUs, durationUs };
    });
    await send(spans);
    const rowOf = async (span: TestSpan) => {
      const timeline = await (await call(`/api/traces/${span.traceId}/timeline`)).json<TimelineAnswer>();
      return { ...timeline, percentile: timeline.rows[0]!.percentile };
    };
    await count(startUs + 60_000_000 * 3, 'ranked', 'rank', [1]);
    await count(
      startUs - 60_000_000 * 2,
      'ranked',
      'rank',
      [1_000, 1_000, 7_000, 7_000, 90_000, 90_000, 90_000, 90_000],
    );
    const [usual, fast, slow] = await Promise.all(spans.map(rowOf));
    expect([usual!.percentile, fast!.percentile, slow!.percentile]).toEqual([37.5, 0, 100]);
    const { statistics } = usual!.operations[0]!;
    expect(statistics!.spans).toBe(8);
    expect(Math.abs(statistics!.p95Us - 90_000)).toBeLessThan(90_000 * 0.045);
    const minute = Math.floor(startUs / 60_000_000);
    expect(usual!.statistics).toEqual({ startUs: (minute - 2) * 60_000_000, endUs: (minute + 3) * 60_000_000 });
  });

  it('answers a live trace, with what is missing of it', async () => {
    const id = traceId(next++);
    await send([{ ...spansOf(id)[1]!, durationUs: null }]);
    const timeline = await (await call(`/api/traces/${id}/timeline`)).json<TimelineAnswer>();
    expect(timeline).toMatchObject({ state: 'live', decision: null, headless: true, completeness: { openSpans: 1 } });
    expect(timeline.rows).toMatchObject([
      { spanId: spanId(1), synthetic: true, state: 'open' },
      { spanId: spanId(2), parent: 0, state: 'open' },
    ]);
    expect(timeline.operations[0]!.name).toBe('missing span');
  });
});

describe('GET /api/traces/{id}?format=', () => {
  it('is a file in each form, of the same spans', async () => {
    const id = await storedTrace();
    const native = await (await call(`/api/traces/${id}`)).json<Trace>();
    const read = async (format: string) => {
      const response = await call(`/api/traces/${id.toUpperCase()}?format=${format}`);
      expect(response.status).toBe(200);
      return response;
    };
    const binary = await read('otlp');
    expect(binary.headers.get('content-type')).toBe('application/x-protobuf');
    expect(binary.headers.get('content-disposition')).toBe(`attachment; filename="trace-${id}.otlp"`);
    expect(decodeSpans(new Uint8Array(await binary.arrayBuffer()), 'kept')).toEqual(native.spans);

    const text = await read('otlp-json');
    expect(text.headers.get('content-type')).toBe('application/json');
    expect(text.headers.get('content-disposition')).toBe(`attachment; filename="trace-${id}.otlp.json"`);
    const { otlp: bytes, rejections } = encodeJsonTraces(await text.json());
    expect(rejections).toEqual([]);
    expect(decodeSpans(bytes, 'kept')).toEqual(native.spans);

    const jaeger = await read('jaeger');
    expect(jaeger.headers.get('content-disposition')).toBe(`attachment; filename="trace-${id}.jaeger.json"`);
    const { data } = await jaeger.json<{ data: JaegerTrace[] }>();
    expect(data.map((trace) => [trace.traceID, trace.spans.length])).toEqual([[id, 3]]);
    expect(data[0]!.spans[1]!.references).toEqual([{ refType: 'CHILD_OF', traceID: id, spanID: spanId(1) }]);
    expect(Object.values(data[0]!.processes).map(({ serviceName }) => serviceName)).toEqual(['shop', 'stock']);

    const accepted = await call(`/api/traces/${id}`, { accept: 'application/x-protobuf' });
    expect(accepted.headers.get('content-type')).toBe('application/x-protobuf');
    expect(accepted.headers.get('content-disposition')).toBeNull();
    expect(accepted.headers.get('vary')).toContain('accept');
    expect(decodeSpans(new Uint8Array(await accepted.arrayBuffer()), 'kept')).toEqual(native.spans);
  });
});

describe('GET /api/compare', () => {
  it('tells two traces apart', async () => {
    const [a, b] = [traceId(next++), traceId(next++)];
    const [root, query, render] = spansOf(b, TEST_START_US + 5_000_000) as [TestSpan, TestSpan, TestSpan];
    await send(spansOf(a));
    await send([{ ...root, durationUs: 25_000 }, query, { ...render, name: 'stream', error: false }]);
    await decideAll();
    const answer = await (await call(`/api/compare?a=${a}&b=${b.toUpperCase()}`)).json<CompareAnswer>();
    expect(answer).toMatchObject({
      a: { traceId: a, state: 'kept', durationUs: 10_000, spanCount: 3, errorCount: 1 },
      b: { traceId: b, startUs: TEST_START_US + 5_000_000, durationUs: 25_000, spanCount: 3, errorCount: 0 },
      matched: [
        { service: 'shop', name: 'GET /cart', longerUs: 15_000, selfLongerUs: 15_000 },
        { service: 'stock', name: 'query', longerUs: 0, selfLongerUs: 0 },
      ],
      onlyInA: [{ name: 'render', spanId: spanId(3), status: 'error' }],
      onlyInB: [{ name: 'stream', spanId: spanId(3), status: 'unset' }],
    });
    expect(answer.typical).toBeUndefined();
  });

  it('is not sent twice while both traces are what they were', async () => {
    const [a, b] = [await storedTrace(), await storedTrace()];
    for (let i = 0; i < 3; i++) await decideAll();
    const first = await call(`/api/compare?a=${a}&b=${b}`);
    const etag = first.headers.get('etag')!;
    expect([etag, await first.json()]).toEqual([
      expect.stringMatching(/^"[0-9a-f]{32}-[0-9a-f]{32}"$/),
      expect.anything(),
    ]);
    expect((await call(`/api/compare?a=${a}&b=${b}`, { 'if-none-match': etag })).status).toBe(304);
    expect((await call(`/api/compare?a=${b}&b=${a}`, { 'if-none-match': etag })).status).toBe(200);
    await send([{ traceId: b, id: 4, parent: 1, name: 'late' }]);
    const late = await call(`/api/compare?a=${a}&b=${b}`, { 'if-none-match': etag });
    expect([late.status, late.headers.get('etag'), late.headers.get('cache-control')]).toEqual([
      200,
      null,
      'private, no-store',
    ]);
    expect((await late.json<CompareAnswer>()).onlyInB).toMatchObject([{ name: 'late' }]);
  });

  it('takes the kept trace nearest to the median of the operation, and says why', async () => {
    const startUs = TEST_START_US - 20 * HOUR_US;
    const others = [2_000, 7_000, 8_000, 9_000, 90_000].map((durationUs) => ({ id: traceId(next++), durationUs }));
    const slow = traceId(next++);
    const one = (id: string, durationUs: number, part: Partial<TestSpan> = {}): TestSpan[] => [
      { traceId: id, id: 1, service: 'usual', name: 'GET /', startUs, durationUs, ...part },
    ];
    for (const { id, durationUs } of others) await send(one(id, durationUs));
    // As long, but failed; not of this operation; not kept.
    await send(one(traceId(next++), 8_000, { error: true }));
    await send(one(traceId(next++), 8_000, { name: 'GET /other' }));
    await send(one(traceId(next++, false), 8_000));
    await send(one(slow, 400_000));
    await decideAll();
    await count(startUs, 'usual', 'GET /', [1_000, 8_000, 8_000, 8_000, 600_000]);
    const answer = await (await call(`/api/compare?a=${slow}&b=typical`)).json<CompareAnswer>();
    expect(answer.b.traceId).toBe(others[2]!.id);
    expect(answer.typical).toMatchObject({
      service: 'usual',
      operation: 'GET /',
      medianOf: 'statistics',
      candidates: 2,
    });
    expect(Math.abs(answer.typical!.medianUs - 8_000)).toBeLessThan(8_000 * 0.05);
    expect(answer.matched[0]!.longerUs).toBe(8_000 - 400_000);
  });

  it('takes the median of what there is where nothing was counted', async () => {
    const startUs = TEST_START_US - 60 * HOUR_US;
    const spans = (id: string, durationUs: number): TestSpan[] => [
      { traceId: id, id: 1, service: 'uncounted', name: 'GET /', startUs, durationUs },
    ];
    const ids = [traceId(next++), traceId(next++), traceId(next++), traceId(next++)];
    for (const [i, id] of ids.entries()) await send(spans(id, 1_000 * (i + 1)));
    await decideAll();
    const answer = await (await call(`/api/compare?a=${ids[3]}&b=typical`)).json<CompareAnswer>();
    expect([answer.b.traceId, answer.typical?.medianOf]).toEqual([ids[1], 'candidates']);
  });
});

describe('errors', () => {
  const known = randomTraceId();
  const [other, unknown] = [randomTraceId(), randomTraceId()];
  it.each([
    ['/api/traces/xyz/timeline', 400, 'bad_trace_id', '32 hex digits'],
    [`/api/traces/${'0'.repeat(32)}`, 400, 'bad_trace_id', 'not all zero'],
    [`/api/traces/${unknown}/timeline`, 404, 'not_found', unknown],
    [`/api/traces/${unknown}?format=jaeger`, 404, 'not_found', unknown],
    [`/api/traces/${known}?format=xml`, 400, 'bad_parameter', 'format is "xml"; want one of otlp, otlp-json, jaeger'],
    [`/api/traces/${known}?format=`, 400, 'bad_parameter', 'format is ""'],
    ['/api/compare', 400, 'bad_parameter', 'a is missing; want a trace id'],
    [`/api/compare?a=${known}`, 400, 'bad_parameter', 'b is missing; want a trace id, or typical'],
    [`/api/compare?a=typical&b=${known}`, 400, 'bad_trace_id', 'a is "typical"; want a trace id: 32 hex digits'],
    [`/api/compare?a=${known}&b=12`, 400, 'bad_trace_id', 'b is "12"; want a trace id, or typical: 32 hex digits'],
    [`/api/compare?a=${known}&b=${known.toUpperCase()}`, 400, 'bad_parameter', 'b is the same trace as a'],
    [`/api/compare?a=${known}&b=${unknown}`, 404, 'not_found', unknown],
    [`/api/compare?a=${unknown}&b=${known}`, 404, 'not_found', unknown],
    [`/api/compare?a=${unknown}&b=typical`, 404, 'not_found', unknown],
    [`/api/compare?a=${known}&b=typical`, 404, 'no_typical', known],
    [`/api/compare?a=${known}&b=${other}&c=1`, 400, 'bad_parameter', 'c is not known; known are a, b'],
  ])('%s answers %i %s', async (path, status, code, message) => {
    await send([
      { traceId: known, id: 1, service: 'alone', name: 'GET /alone', startUs: TEST_START_US - 90 * HOUR_US },
      { traceId: other, id: 1 },
    ]);
    const response = await call(path);
    const { error } = await response.json<ApiError>();
    expect([response.status, error.code]).toEqual([status, code]);
    expect(error.message).toContain(message);
  });
});

describe('what was made of a trace', () => {
  const paths = (id: string) => [
    `/api/traces/${id}`,
    `/api/traces/${id}?format=otlp-json`,
    `/api/traces/${id}?format=jaeger`,
    `/api/traces/${id}/timeline`,
  ];

  it('is not sent twice while the trace is what it was, and never once it is not', async () => {
    const id = await storedTrace();
    // As the shard's memory of what it has stored goes.
    for (let i = 0; i < 3; i++) await decideAll();
    const tags = new Map<string, string>();
    for (const path of paths(id)) {
      const response = await call(path);
      await response.arrayBuffer();
      const etag = response.headers.get('etag');
      expect(etag, path).toMatch(/^"[0-9a-f]{32}-[\w-]+"$/);
      expect(response.headers.get('cache-control')).toBe('private, no-cache');
      tags.set(path, etag!);
      for (const known of [etag!, `"x", W/${etag}`, '*']) {
        const again = await call(path, { 'if-none-match': known });
        expect([again.status, (await again.arrayBuffer()).byteLength, again.headers.get('etag')]).toEqual([
          304,
          0,
          etag,
        ]);
      }
      expect((await call(path, { 'if-none-match': '"x"' })).status).toBe(200);
    }
    expect(new Set(tags.values()).size).toBe(4);

    await send([{ traceId: id, id: 4, parent: 1, name: 'late', startUs: TEST_START_US + 8_000 }]);
    const seesLate = async (isStored: boolean) => {
      for (const path of paths(id)) {
        const response = await call(path, { 'if-none-match': tags.get(path)! });
        expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('late')]);
        expect(response.headers.get('etag') !== null, path).toBe(isStored);
        if (!isStored) expect(response.headers.get('cache-control')).toBe('private, no-store');
      }
    };
    await seesLate(false);
    for (let i = 0; i < 3; i++) await decideAll();
    await seesLate(true);

    expect((await call(`/api/traces/${id}`, {}, 'DELETE')).status).toBe(204);
    for (const path of paths(id)) {
      expect((await call(path, { 'if-none-match': tags.get(path)! })).status, path).toBe(404);
    }
  });

  it('is made anew when a dropped trace is kept by hand', async () => {
    const id = traceId(next++, false);
    await send([{ traceId: id, id: 1 }]);
    await decideAll();
    const states = async () => {
      const response = await call(`/api/traces/${id}`);
      return [(await response.json<Trace>()).state, response.headers.get('etag') !== null];
    };
    expect(await states()).toEqual(['dropped', false]);
    expect((await call(`/api/traces/${id}/keep`, {}, 'POST')).status).toBe(200);
    for (let i = 0; i < 3; i++) await decideAll();
    expect(await states()).toEqual(['kept', true]);
  });

  it('costs one row once it is known, and no bytes', async () => {
    const { config } = new ConfigSource(env.TAILRACE_CONFIG, null, null);
    const id = await storedTrace();
    for (let i = 0; i < 3; i++) await decideAll();
    let calls = 0;
    const store = createD1R2Store(
      wrapBindings(bindings, (run) => {
        calls++;
        return run();
      }),
    );
    const callsOf = async () => {
      calls = 0;
      const found = await findTrace(env, config, store, id);
      return { calls, found };
    };
    // The schema is looked at first.
    await store.get(randomTraceId());
    const first = await callsOf();
    const second = await callsOf();
    expect([first.calls, second.calls]).toEqual([2, 1]);
    expect(second.found).toBe(first.found);
  });
});
