/** Senders that mean harm or are broken: after each the edge answers as before, and its memory is bounded. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Trace } from '../../model/span.ts';
import { startEdge, type TestEdge } from '../kit/edge.ts';
import { rssOfWorkerd } from '../kit/rss.ts';
import { otlp, randomTraceId } from '../kit/spans.ts';

/** What workerd may take in all. */
const MAX_RSS_BYTES = 1024 ** 3;
const MIB = 1024 * 1024;

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.close());

afterEach(async () => {
  const traceId = randomTraceId();
  await vi.waitUntil(async () => (await post(otlp([{ traceId, id: 1 }]).slice())).status === 200, { timeout: 10_000 });
  const trace = (await (await fetch(`${edge.url}/api/traces/${traceId}`)).json()) as Trace;
  expect(trace.spans).toHaveLength(1);
  const rss = rssOfWorkerd();
  expect(rss).toBeGreaterThan(0);
  expect(rss).toBeLessThan(MAX_RSS_BYTES);
});

function post(body: BodyInit, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${edge.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...headers },
    body,
    duplex: 'half',
  } as RequestInit);
}

it.each([
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
])('refuses decompression bombs, %s, sixteen at once', async (encoding, compress) => {
  const bomb = compress(new Uint8Array(1024 * MIB));
  expect(bomb.length).toBeLessThan(2 * MIB);
  const answers = await Promise.all(Array.from({ length: 16 }, () => post(bomb, { 'content-encoding': encoding })));
  for (const { status } of answers) expect([413, 429]).toContain(status);
});

it('refuses bodies of 100 MB, declared', async () => {
  await expectRefused(() => post(new Uint8Array(100 * MIB)));
});

it('refuses bodies of 100 MB, in chunks', async () => {
  let left = 100;
  const chunk = new Uint8Array(MIB);
  const body = new ReadableStream({
    pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()),
  });
  await expectRefused(() => post(body));
});

/** The edge may hang up before all has come. */
async function expectRefused(send: () => Promise<Response>): Promise<void> {
  const status = await send().then(
    (answer) => answer.status,
    () => 'hung up',
  );
  expect([413, 'hung up']).toContain(status);
}

it('takes or refuses a million tiny spans', async () => {
  const statuses = new Set<number>();
  for (let request = 0; request < 20; request++) {
    // resource_spans, scope_spans, and in it 50,000 spans without anything.
    const spans = new Uint8Array(100_000);
    for (let at = 0; at < spans.length; at += 2) spans[at] = 0x12;
    statuses.add((await post(message(1, message(2, spans)))).status);
  }
  expect([...statuses]).toEqual([200]);
  const good = tinySpans(50_000);
  expect([200, 413, 429]).toContain((await post(message(1, message(2, good)))).status);
});

it.each([
  ['protobuf', 'application/x-protobuf', () => nested(100_000)],
  ['JSON arrays', 'application/json', () => '['.repeat(500_000) + ']'.repeat(500_000)],
  [
    'JSON values',
    'application/json',
    () =>
      `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${'{"arrayValue":{"values":['.repeat(20_000)}${']}}'.repeat(20_000)}}]}}]}`,
  ],
])('refuses deep nesting: %s', async (_, type, body) => {
  const answer = await post(body(), { 'content-type': type });
  expect([200, 400, 413]).toContain(answer.status);
  await answer.arrayBuffer();
});

it('answers others while bodies come slowly or never, and connections are half closed', async () => {
  const head = (length: number) =>
    `POST /v1/traces HTTP/1.1\r\nHost: edge\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${length}\r\n\r\n`;
  const sockets = Array.from({ length: 200 }, () => connect(Number(new URL(edge.url).port), '127.0.0.1'));
  try {
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const [i, socket] of sockets.entries()) {
      socket.on('error', () => {});
      socket.write(`${head(1_000_000)}x`);
      if (i % 4 === 1) socket.end();
      if (i % 4 === 2) socket.resetAndDestroy();
    }
    const started = performance.now();
    for (let round = 0; round < 5; round++) {
      for (const [i, socket] of sockets.entries()) if (i % 4 === 0) socket.write('x');
      expect((await post(otlp([{ traceId: randomTraceId(), id: 1 }]).slice())).status).toBe(200);
      await setTimeout(100);
    }
    expect(performance.now() - started).toBeLessThan(10_000);
  } finally {
    for (const socket of sockets) socket.resetAndDestroy();
  }
});

it.each([
  ['in the middle of a body', 8, 0.6],
  ['while shards take it in', 4, 1],
])('gives back what senders held that have hung up %s', async (_, mib, share) => {
  const body = largeBody(mib);
  const head = `POST /v1/traces HTTP/1.1\r\nHost: edge\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`;
  for (let round = 0; round < 5; round++) {
    const sockets = Array.from({ length: 8 }, () => connect(Number(new URL(edge.url).port), '127.0.0.1'));
    await Promise.all(
      sockets.map(async (socket, i) => {
        await once(socket, 'connect');
        socket.on('error', () => {});
        // An edge that has enough hangs up first.
        const ended = once(socket, 'close');
        const part = body.subarray(0, share * body.length);
        await Promise.race([
          new Promise((sent) => socket.write(Buffer.concat([Buffer.from(head), part]), sent)),
          ended,
        ]);
        await setTimeout(20 * i);
        socket.resetAndDestroy();
      }),
    );
  }
  await vi.waitFor(async () => expect((await post(largeBody(14))).status).toBe(200), {
    timeout: 10_000,
    interval: 100,
  });
});

/** So many spans of half a MiB, each of a trace of its own. */
function largeBody(mib: number): Uint8Array<ArrayBuffer> {
  const name = 'x'.repeat(MIB / 2);
  return otlp(Array.from({ length: 2 * mib }, () => ({ traceId: randomTraceId(), id: 1, name }))).slice();
}

/** A length-delimited field. */
function message(field: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const length: number[] = [];
  for (let rest = body.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  const out = new Uint8Array(1 + length.length + body.length);
  out.set([(field << 3) | 2, ...length]);
  out.set(body, 1 + length.length);
  return out;
}

/** Spans of one trace that have ids and a start, and nothing else. */
function tinySpans(count: number): Uint8Array {
  const traceId = crypto.getRandomValues(new Uint8Array(16));
  const span = new Uint8Array(18 + 10 + 9);
  const view = new DataView(span.buffer);
  span.set([(1 << 3) | 2, 16, ...traceId, (2 << 3) | 2, 8]);
  span[28] = (7 << 3) | 1;
  view.setBigUint64(29, BigInt(Date.now()) * 1_000_000n, true);
  const out = new Uint8Array((2 + span.length) * count);
  for (let i = 0; i < count; i++) {
    view.setUint32(24, i + 1);
    out.set([(2 << 3) | 2, span.length], i * (2 + span.length));
    out.set(span, i * (2 + span.length) + 2);
  }
  return out;
}

/** A resource with an attribute of lists in lists. */
function nested(depth: number): Uint8Array<ArrayBuffer> {
  // From the inside out, each level in place: an AnyValue with an ArrayValue (5) with a value (1).
  const out = new Uint8Array(16 * depth);
  let at = out.length;
  const wrap = (field: number) => {
    const length = out.length - at;
    const bytes: number[] = [(field << 3) | 2];
    for (let rest = length; ; rest >>>= 7) {
      bytes.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    at -= bytes.length;
    out.set(bytes, at);
  };
  for (let level = 0; level < depth; level++) {
    wrap(1);
    wrap(5);
  }
  for (const field of [2, 1, 1, 1]) wrap(field);
  return out.slice(at);
}
