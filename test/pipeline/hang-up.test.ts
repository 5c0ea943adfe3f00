/** Senders that hang up while what they sent is on its way: what they held comes back. */
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startEdge, type TestEdge } from '../kit/edge.ts';
import { otlp, randomTraceId } from '../kit/spans.ts';

const UPGRADE = [
  'GET /v1/stream HTTP/1.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
].join('\r\n');

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.close());

/** A binary message whose mask is zero. */
function message(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

it('gives back the memory of a stream that hangs up', async () => {
  const body = otlp(
    Array.from({ length: 900 }, (_, i) => ({ traceId: randomTraceId(), id: i + 1, name: 'n'.repeat(1_000) })),
  );
  const sent = Buffer.concat(Array.from({ length: 7 }, () => message(body)));
  for (let i = 0; i < 40; i++) {
    const { hostname, port } = new URL(edge.url);
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.write(`${UPGRADE}\r\nHost: ${hostname}\r\n\r\n`);
    await vi.waitUntil(() => text.includes('version'), { timeout: 10_000, interval: 1 });
    await new Promise((resolve) => socket.write(sent, resolve));
    await setTimeout(i % 20);
    socket.resetAndDestroy();
  }
  const post = () =>
    fetch(`${edge.url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: otlp([{ traceId: randomTraceId(), id: 1 }]).slice(),
    });
  // What is pressed says so for a second.
  const pressure = async () => (await post()).headers.get('tailrace-pressure');
  await expect.poll(pressure, { timeout: 10_000, interval: 500 }).toBe('normal');
});

it('lets shards and store be when the reader of a stream hangs up', async () => {
  const startUs = Date.now() * 1000;
  const traces = 4_000;
  for (let first = 0; first < traces; first += 500) {
    const spans = Array.from({ length: 500 }, (_, i) => ({
      traceId: randomTraceId(),
      id: 1,
      // Without a root they stay live for a while.
      parent: 2,
      startUs: startUs + first + i,
    }));
    const headers = { 'content-type': 'application/x-protobuf' };
    const response = await fetch(`${edge.url}/v1/traces`, { method: 'POST', headers, body: otlp(spans).slice() });
    expect(response.status).toBe(200);
  }
  const calls = async () => {
    const metrics = await (await fetch(`${edge.url}/metrics`)).text();
    return Number(/^tailrace_cost_object_calls_total\{by="shard"\} (\d+)$/m.exec(metrics)![1]);
  };
  const query = `start=${startUs}&end=${startUs + traces}&limit=${traces}`;
  const stream = (signal?: AbortSignal) => fetch(`${edge.url}/api/traces/stream?${query}`, { signal: signal ?? null });
  const quiet = [await calls(), await calls()];
  /** A question's own. */
  const own = quiet[1]! - quiet[0]!;
  const whole = (await (await stream()).text()).trim().split('\n');
  expect([whole.length, JSON.parse(whole.at(-1)!)]).toEqual([traces + 1, { cursor: null, complete: true }]);
  const begun = await calls();
  const callsOfAll = begun - quiet[1]! - own;
  expect(callsOfAll).toBeGreaterThan(traces / 200);

  const leaving = new AbortController();
  const reader = (await stream(leaving.signal)).body!.getReader();
  await reader.read();
  leaving.abort();
  await reader.closed.catch(() => {});
  const asked = [begun];
  const more = async () => {
    asked.push(await calls());
    return asked.at(-1)! - asked.at(-2)! - own;
  };
  await expect.poll(more).toBe(0);
  expect(asked.at(-1)! - begun - own * (asked.length - 1)).toBeLessThan(callsOfAll / 2);
});
