/** A shard whose memory is full, and the sender that hears of it. */
import { runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect, it, vi } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { parseHex } from '../../model/ids.ts';
import { ownerOf, slotOf } from '../../model/routing.ts';
import type { Trace } from '../../model/span.ts';
import { otlp, traceId } from '../kit/spans.ts';

const SPANS = 8_000;
const CONFIG = parseConfig(env.TAILRACE_CONFIG);

let next = 1;
/** A new trace of the shard. */
function idOf(shard: number): string {
  for (;;) {
    const id = traceId(next++);
    if (ownerOf(slotOf(parseHex(id)!), CONFIG.shards) === shard) return id;
  }
}

function call(method: string, path: string, body?: string | Uint8Array, key = 'admin'): Promise<Response> {
  return exports.default.fetch(`https://edge.test${path}`, {
    method,
    headers: { authorization: `Bearer test-${key}-key`, 'content-type': 'application/x-protobuf' },
    ...(body === undefined ? {} : { body }),
  });
}

/** A large trace with an error: it is kept, and stays in memory until it is stored. */
const send = (id: string) =>
  call(
    'POST',
    '/v1/traces',
    otlp(Array.from({ length: SPANS }, (_, i) => ({ traceId: id, id: i + 1, error: i === 0 }))),
    'ingest',
  );

async function metrics(): Promise<Map<string, number>> {
  const text = await (await call('GET', '/metrics')).text();
  return new Map([...text.matchAll(/^tailrace_(\S+) (\S+)$/gm)].map(([, name, value]) => [name!, Number(value)]));
}

it('answers 429 with a time to wait, takes nothing of it, and takes it when there is room again', async () => {
  const document = { ...JSON.parse(env.TAILRACE_CONFIG!), memory: { liveBytes: 1024 * 1024 } };
  expect((await call('PUT', '/api/config', JSON.stringify(document))).status).toBe(200);
  const taken: string[] = [];
  // The shard asks for its configuration while it takes the first in.
  const { id, answer } = await vi.waitUntil(
    async () => {
      const id = idOf(0);
      const answer = await send(id);
      if (answer.status !== 200) return { id, answer };
      taken.push(id);
      return null;
    },
    { timeout: 20_000, interval: 10 },
  );
  expect([answer.status, answer.headers.get('tailrace-pressure')]).toEqual([429, 'overload']);
  const seconds = Number(answer.headers.get('retry-after'));
  expect([5, 6, 7, 8, 9, 10]).toContain(seconds);
  expect(await answer.text()).toContain('a shard is full');
  expect((await call('GET', `/api/traces/${id}`)).status).toBe(404);
  // The others have room.
  expect((await send(idOf(1))).status).toBe(200);
  const full = await metrics();
  expect(full.get('shards{pressure="refuse"}')).toBe(1);
  expect(full.get('appends_refused')).toBe(1);
  expect(full.get('spans_refused_total')).toBe(SPANS);
  expect(full.get('requests_rejected_total{reason="overloaded"}')).toBe(1);

  await runDurableObjectAlarm(env.TRACE_SHARD.getByName('shard-0'));
  expect((await send(id)).status).toBe(200);
  await runDurableObjectAlarm(env.TRACE_SHARD.getByName('shard-0'));
  for (const each of [...taken, id]) {
    const trace = await (await call('GET', `/api/traces/${each}`)).json<Trace>();
    expect([trace.state, trace.spans.length]).toEqual(['kept', SPANS]);
  }
  expect((await metrics()).get('shards{pressure="refuse"}')).toBe(0);
});
