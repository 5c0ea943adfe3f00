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
