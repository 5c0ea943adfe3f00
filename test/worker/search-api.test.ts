/** What `docs/api/search.md` says: every error in its table, counts, histograms, streams. */

import { runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import page from '../../docs/api/search.md?raw';
import type { ApiError, TraceList, TraceSummary } from '../../model/span.ts';
import type { TraceCount } from '../../store/store.ts';
import { formatCursor, parseCursor } from '../../worker/query/cursor.ts';
import { streamTraces } from '../../worker/query/stream.ts';
import type { TraceHistogram } from '../../worker/query/tally.ts';
import { otlp, TEST_START_US, type TestSpan, traceId } from '../kit/spans.ts';

const HOUR_US = 3_600_000_000;
const sources = Object.values(
  import.meta.glob(['../../worker/*.ts', '../../worker/{query,control,keys}/*.ts'], {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
);

async function send(spans: readonly TestSpan[]): Promise<void> {
  const request = new Request('https://edge.test/v1/traces', {
    method: 'POST',
    headers: { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' },
    body: otlp(spans).slice(),
  });
  expect((await exports.default.fetch(request)).status).toBe(200);
}

function get(path: string, params: Record<string, string> = {}): Promise<Response> {
  const query = new URLSearchParams(params);
  const headers = { authorization: 'Bearer test-read-key' };
  return exports.default.fetch(new Request(`https://edge.test${path}?${query}`, { headers }));
}

async function decideAll(): Promise<void> {
  for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
}

/** Twenty stored and ten live traces, a microsecond and a millisecond apart. */
async function fill(startUs: number, first: number): Promise<string[]> {
  const ids = Array.from({ length: 30 }, (_, i) => traceId(first + i));
  const span = (i: number): TestSpan => {
    return { traceId: ids[i]!, id: 1, startUs: startUs + i, durationUs: 1_000 * (i + 1), error: i % 3 === 0 };
  };
  await send(ids.slice(0, 20).map((_, i) => span(i)));
  await decideAll();
  // Without a root they stay live.
  await send(ids.slice(20).map((_, i) => ({ ...span(i + 20), parent: 9 })));
  return ids;
}

describe('the errors of docs/api/search.md', () => {
  const table = page.slice(page.indexOf('| request | status |'), page.indexOf('And those that a read'));
  const rows = [...table.matchAll(/^\| `(\/.+)` \| (\d+) \| `(\w+)` \| (.+) \|$/gm)].map((match) => match.slice(1));

  it('are as many as the table has rows, and all there are', () => {
    expect(rows.length).toBe(table.trim().split('\n').length - 2);
    const codes = sources.flatMap((source) =>
      [...source.matchAll(/(?:HttpError\(\s*\d+,\s*|wrongValue\(|placed\()'(\w+)'/g)].map(([, code]) => code!),
    );
    expect(codes.length).toBeGreaterThan(15);
    expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });

  it.each(rows)('%s is %s', async (request, status, code, message) => {
    const startUs = TEST_START_US + 50 * HOUR_US;
    const range = { start: String(startUs), end: String(startUs + HOUR_US) };
    await send([1, 2, 3].map((n): TestSpan => ({ traceId: traceId(600_000 + n), id: 1, parent: 2, startUs })));
    const list = await (await get('/api/traces', { ...range, limit: '1' })).json<TraceList>();
    const cursor = list.cursor!;
    const { lists, ...rest } = parseCursor(cursor);
    const expired = formatCursor({ ...rest, lists: { ...lists, id: lists.id + 1 } });
    const [path, query = ''] = request!.split(/\?(.*)/);
    const params = query.split('&').map((part) => part.split(/=(.*)/).slice(0, 2));
    const given = Object.fromEntries(query === '' ? [] : params) as Record<string, string>;
    if (given.cursor === 'CURSOR') given.cursor = cursor;
    if (given.cursor === 'EXPIRED') given.cursor = expired;
    const response = await get(path!, given);
    const { error } = await response.json<ApiError>();
    expect([response.status, error.code]).toEqual([Number(status), code]);
    expect(error.message).toContain(message);
  });

  it('say where in a line or in tags they are', async () => {
    const error = async (params: Record<string, string>) =>
      (await (await get('/api/traces', params)).json<ApiError>()).error;
    expect(await error({ q: 'service=a duration>5' })).toMatchObject({ code: 'bad_query', offset: 19, length: 1 });
    expect(await error({ tags: 'a:1,"b":"\\x"' })).toMatchObject({ code: 'bad_tags', offset: 9, length: 2 });
    expect(await error({ tags: 'a:1,' })).toMatchObject({ code: 'bad_tags', offset: 4, length: 0 });
    expect(await error({ tags: 'a:' })).toMatchObject({ code: 'bad_tags', offset: 1, length: 1 });
    const many = Array.from({ length: 33 }, (_, i) => `k${i}:1`).join();
    expect(await error({ tags: many })).toMatchObject({ code: 'bad_tags' });
  });
});

describe('GET /api/traces/count and /histogram', () => {
  it('count live and stored traces, each once', async () => {
    const startUs = TEST_START_US + 60 * HOUR_US;
    await fill(startUs, 610_000);
    const range = { start: String(startUs), end: String(startUs + 59) };
    const count = async (params: Record<string, string>) =>
      (await get('/api/traces/count', { ...range, ...params })).json<TraceCount>();
    expect(await count({})).toEqual({ count: 30, exact: true });
    expect(await count({ status: 'error' })).toEqual({ count: 10, exact: true });
    expect(await count({ q: 'test.id=1 duration>=15ms' })).toEqual({ count: 16, exact: true });
    expect(await count({ service: 'nobody' })).toEqual({ count: 0, exact: true });

    const response = await get('/api/traces/histogram', { ...range, minDuration: '2ms' });
    const histogram = await response.json<TraceHistogram>();
    const { startsUs, durationsUs, heatmap, durations } = histogram;
    expect(histogram).toMatchObject({ count: 29, exact: true });
    expect([startsUs.length, startsUs[0], startsUs[1]]).toEqual([60, startUs, startUs + 1]);
    expect([durationsUs[0], durationsUs[1], durationsUs.at(-1)]).toEqual([0, 100, 1e9]);
    const expected = durationsUs.map((from, k) => {
      const to = durationsUs[k + 1] ?? Number.POSITIVE_INFINITY;
      return Array.from({ length: 29 }, (_, i) => 1_000 * (i + 2)).filter((us) => us >= from && us < to).length;
    });
    expect(durations).toEqual(expected);
    expect(heatmap.map((column) => column.reduce((sum, n) => sum + n, 0))).toEqual(
      Array.from({ length: 60 }, (_, i) => (i >= 1 && i < 30 ? 1 : 0)),
    );
    expect(heatmap[4]![durationsUs.indexOf(5_000)]).toBe(1);
  });

  it('say that they are not exact where a trace is in the store in part', async () => {
    const startUs = TEST_START_US + 70 * HOUR_US;
    const id = traceId(620_000);
    await send([{ traceId: id, id: 1, startUs }]);
    await decideAll();
    await send([{ traceId: id, id: 2, parent: 1, startUs }]);
    const response = await get('/api/traces/count', { start: String(startUs), end: String(startUs) });
    expect(await response.json()).toEqual({ count: 1, exact: false });
  });
});

describe('GET /api/traces/stream', () => {
  async function linesOf(response: Response): Promise<(TraceSummary & { cursor?: string | null })[]> {
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    const lines = new TextDecoder().decode(await response.arrayBuffer()).split('\n');
    expect(lines.pop()).toBe('');
    return lines.map((line) => JSON.parse(line));
  }

  it('has a summary a line, and a last one that says whether that is all', async () => {
    const startUs = TEST_START_US + 80 * HOUR_US;
    const ids = await fill(startUs, 630_000);
    const range = { start: String(startUs), end: String(startUs + 59) };
    const all = await linesOf(await get('/api/traces/stream', range));
    expect(all.pop()).toEqual({ cursor: null, complete: true });
    expect(all.map((trace) => trace.traceId)).toEqual(ids.toReversed());

    const some = await linesOf(await get('/api/traces/stream', { ...range, limit: '7', order: 'slowest' }));
    const last = some.pop()!;
    expect(some.map((trace) => trace.traceId)).toEqual(ids.toReversed().slice(0, 7));
    const response = await get('/api/traces', { cursor: last.cursor!, order: 'slowest', limit: '2' });
    const { traces } = await response.json<TraceList>();
    expect(traces.map((trace) => trace.traceId)).toEqual(ids.toReversed().slice(7, 9));
    expect(await linesOf(await get('/api/traces/stream', { ...range, service: 'nobody' }))).toEqual([
      { cursor: null, complete: true },
    ]);
  });

  it('asks for no more once its reader has left', async () => {
    const startUs = TEST_START_US + 90 * HOUR_US;
    await fill(startUs, 640_000);
    const range = { start: String(startUs), end: String(startUs + 59) };
    const { cursor } = await (await get('/api/traces', { ...range, limit: '1' })).json<TraceList>();
    const ended = vi.fn();
    const asked: (() => boolean)[] = [];
    const search = { attributes: [], startUs, endUs: startUs + 59, order: 'newest', limit: 1_000 } as const;
    const body = streamTraces(search, {
      find: async (_, isLeft) => {
        asked.push(isLeft);
        return { traces: [{ traceId: String(asked.length) } as TraceSummary], cursor, complete: true };
      },
      isLate: () => false,
      ended,
    });
    const reader = body.getReader();
    await reader.read();
    await reader.cancel();
    const before = asked.length;
    expect(asked.map((isLeft) => isLeft())).toEqual(asked.map(() => true));
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    expect([asked.length, ended.mock.calls.length]).toEqual([before, 1]);
    expect(before).toBeLessThan(4);
  });
});
