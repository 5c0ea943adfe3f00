/** `searchTraces` where a request alone cannot bring it: no time left, a changing table, a client that leaves. */

import { abortAllDurableObjects, runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { TraceSearch } from '../../model/query/conditions.ts';
import type { RoutingTable } from '../../model/routing.ts';
import { storeBindings } from '../../store/bindings.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import type { Store } from '../../store/store.ts';
import { currentConfig } from '../../worker/config.ts';
import { parseCursor } from '../../worker/query/cursor.ts';
import { searchTraces } from '../../worker/query/search.ts';
import { frame, otlp, TEST_START_US, TEST_TABLE, traceId } from '../kit/spans.ts';

const HOUR_US = 3_600_000_000;
const store = createD1R2Store(storeBindings(env));
const shard = (number: number) => env.TRACE_SHARD.getByName(`shard-${number}`);

function asked(hour: number, limit: number): TraceSearch {
  const startUs = TEST_START_US + hour * HOUR_US;
  return { attributes: [], startUs, endUs: startUs + 1_000, order: 'newest', limit };
}

/** The newest first. Without a root they stay live. */
async function send(hour: number, first: number, count: number, hasRoot = false): Promise<string[]> {
  const { startUs } = asked(hour, 1);
  const ids = Array.from({ length: count }, (_, i) => traceId(first + i));
  const response = await exports.default.fetch(
    new Request('https://edge.test/v1/traces', {
      method: 'POST',
      headers: { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' },
      body: otlp(
        ids.map((id, i) => ({ traceId: id, id: 1, ...(!hasRoot && { parent: 9 }), startUs: startUs + i })),
      ).slice(),
    }),
  );
  expect(response.status).toBe(200);
  return ids.reverse();
}

const config = () => currentConfig(env, () => {}, Date.now());
const idsOf = (traces: readonly { readonly traceId: string }[]) => traces.map((trace) => trace.traceId);

it('says how far it got when its time is up, and goes on from there', async () => {
  const stored = await send(200, 700_000, 40, true);
  for (const number of [0, 1, 2, 3]) await runDurableObjectAlarm(shard(number));
  const ids = [...stored, ...(await send(200, 700_100, 9))];
  const search = asked(200, 100);
  // As a store that has looked at five by then.
  const slow: Store = {
    ...store,
    search: async (asked) => {
      const page = await store.search(asked);
      const traces = page.traces.slice(0, 5);
      return { ...page, traces, reached: traces.at(-1)!.key, isCut: true };
    },
  };
  const first = await searchTraces(env, await config(), slow, search, () => true);
  expect(first).toMatchObject({ complete: false, searchedToUs: expect.any(Number), cursor: expect.any(String) });
  const shown = idsOf(first.traces);
  expect(shown.slice(0, 5)).toEqual(stored.slice(0, 5));
  expect(first.searchedToUs).toBe(first.traces.at(-1)!.startUs);
  for (let { cursor } = first; cursor !== null; ) {
    const page = await searchTraces(env, await config(), store, { ...search, cursor: parseCursor(cursor) });
    expect(page.complete).toBe(true);
    shown.push(...idsOf(page.traces));
    cursor = page.cursor;
  }
  expect(shown.toSorted()).toEqual(ids.toSorted());
});

describe('while the table of shards changes', () => {
  const unsettled: RoutingTable = { ...TEST_TABLE, version: 2, former: [2] };
  const during = async (): Promise<CurrentConfig> => ({ ...(await config()), table: unsettled });

  it('shows a trace that two shards have had once, wherever the pages end', async () => {
    const ids = await send(210, 710_000, 6);
    const { startUs } = asked(210, 1);
    // As if it had left one and come back at the other, where it stands elsewhere.
    const both = traceId(710_100);
    const span = (id: number, at: number) => frame([{ traceId: both, id, parent: 9, startUs: startUs + at }]);
    await env.TRACE_SHARD.getByName('shard-0').append(span(1, 20), TEST_TABLE);
    await runOn(3, () => shard(3).append(span(2, -1 + 2), TEST_TABLE));
    for (const limit of [1, 2, 3, 100]) {
      const shown: string[] = [];
      let cursor: string | null = null;
      do {
        const search = { ...asked(210, limit), ...(cursor !== null && { cursor: parseCursor(cursor) }) };
        const page = await searchTraces(env, await during(), store, search);
        shown.push(...idsOf(page.traces));
        cursor = page.cursor;
      } while (cursor !== null);
      expect([limit, shown]).toEqual([limit, [both, ...ids]]);
    }
  });
});

/** A shard that has had nothing to do yet may be told of a table first. */
async function runOn(number: number, work: () => Promise<unknown>): Promise<void> {
  await shard(number).ping();
  await work();
}

it('says 503 when a shard has forgotten a first page’s list, and 410 for a further one', async () => {
  await send(220, 720_000, 9);
  const search = asked(220, 2);
  const { cursor } = await searchTraces(env, await config(), store, search);
  const { lists, ...rest } = parseCursor(cursor!);
  const unknown = { ...rest, lists: { ...lists, id: 5 } };
  await expect(searchTraces(env, await config(), store, { ...search, cursor: unknown })).rejects.toMatchObject({
    status: 410,
    code: 'cursor_expired',
  });
  const forgetful = {
    ...store,
    search: async (asked: Parameters<typeof store.search>[0]) => {
      const page = await store.search(asked);
      await abortAllDurableObjects();
      return page;
    },
  };
  await expect(searchTraces(env, await config(), forgetful, search)).rejects.toMatchObject({
    status: 503,
    code: 'unavailable',
  });
});

it('lets shards and store be once the reader of a stream has left', async () => {
  await send(230, 730_000, 900);
  const { startUs, endUs } = asked(230, 1);
  const params = new URLSearchParams({ start: String(startUs), end: String(endUs), limit: '900' });
  const headers = { authorization: 'Bearer test-read-key' };
  const response = await exports.default.fetch(
    new Request(`https://edge.test/api/traces/stream?${params}`, { headers }),
  );
  const calls = async () => {
    const costs = await Promise.all([0, 1, 2, 3].map(async (number) => (await shard(number).metrics()).costs));
    return costs.reduce((sum, { object_calls }) => sum + object_calls, 0);
  };
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value).split('\n').length).toBeLessThan(300);
  await reader.cancel();
  // What was under way has ended.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  const before = await calls();
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  // These four calls themselves.
  expect((await calls()) - before).toBe(4);
});
