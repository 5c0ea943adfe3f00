/** The WebSocket at the door: who may open it, and that what it acknowledges can be read. */
import { env, exports } from 'cloudflare:workers';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { MAX_STREAM_MESSAGE_BYTES } from '../../model/limits.ts';
import type { Trace } from '../../model/span.ts';
import { otlp, randomTraceId } from '../kit/spans.ts';
import { hang } from './hang.ts';

interface Answer {
  readonly seq?: number;
  readonly status?: 'accepted' | 'rejected' | 'retry';
  readonly accepted?: number;
  readonly rejected?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly credit: { readonly messages: number; readonly bytes: number };
}

function upgrade(query: string, headers: Record<string, string> = {}): Promise<Response> {
  return exports.default.fetch(`https://edge.test/v1/stream${query}`, {
    headers: { upgrade: 'websocket', ...headers },
  });
}

async function asAdmin(method: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: 'Bearer test-admin-key' };
  const url = `https://edge.test/api/keys${path}`;
  return exports.default.fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

async function makeKey(wanted: object): Promise<{ readonly id: string; readonly secret: string }> {
  const response = await asAdmin('POST', '', { name: 'test', class: 'service', ...wanted });
  expect(response.status).toBe(201);
  return response.json();
}

async function open(key = 'test-ingest-key', headers: Record<string, string> = {}) {
  const { webSocket } = await upgrade(`?key=${key}`, headers);
  const socket = webSocket!;
  const answers: Answer[] = [];
  let closed: number | null = null;
  let reason = '';
  socket.addEventListener('message', ({ data }) => answers.push(JSON.parse(data as string)));
  socket.addEventListener('close', (event) => {
    closed = event.code;
    reason = event.reason;
  });
  socket.accept();
  const until = (check: () => boolean) => vi.waitUntil(check, { timeout: 10_000, interval: 5 });
  return {
    socket,
    answers,
    /** The answer to message `seq`. */
    answer: async (seq: number) => {
      await until(() => answers.some((answer) => answer.seq === seq));
      return answers.find((answer) => answer.seq === seq)!;
    },
    closed: async () => {
      await until(() => closed !== null);
      return closed;
    },
    reason: () => reason,
  };
}

async function trace(id: string): Promise<Trace | null> {
  const url = `https://edge.test/api/traces/${id}`;
  const answer = await exports.default.fetch(url, { headers: { authorization: 'Bearer test-read-key' } });
  const body = await answer.json<Trace>();
  return answer.status === 200 ? body : null;
}

it('opens for an ingest key only, and for its own protocol', async () => {
  const statuses = async (query: string, headers: Record<string, string>) => (await upgrade(query, headers)).status;
  expect(await statuses('', {})).toBe(401);
  expect(await statuses('?key=wrong', {})).toBe(401);
  expect(await statuses('?key=test-read-key', {})).toBe(401);
  expect(await statuses('', { authorization: 'Bearer test-ingest-key' })).toBe(101);
  expect(await statuses('?key=test-ingest-key', { upgrade: 'h2c' })).toBe(426);
  expect(await statuses('?key=test-ingest-key', { 'sec-websocket-protocol': 'mqtt' })).toBe(400);
  const chosen = await upgrade('?key=test-ingest-key', { 'sec-websocket-protocol': 'mqtt, tailrace.stream.v1' });
  expect([chosen.status, chosen.headers.get('sec-websocket-protocol')]).toEqual([101, 'tailrace.stream.v1']);
});

it('acknowledges what can be read', async () => {
  const stream = await open();
  const ids = Array.from({ length: 20 }, randomTraceId);
  for (const [i, id] of ids.entries()) {
    stream.socket.send(otlp([{ traceId: id, id: 1 }]));
    expect(await stream.answer(i + 1)).toMatchObject({ status: 'accepted', accepted: 1, rejected: 0 });
    expect((await trace(id))?.spans).toHaveLength(1);
  }
});

it('says what is wrong with a message, and goes on', async () => {
  const stream = await open();
  stream.socket.send(new Uint8Array([10, 200, 1]));
  expect(await stream.answer(1)).toMatchObject({ status: 'rejected', reason: 'malformed_body' });
  const id = randomTraceId();
  stream.socket.send(
    otlp([
      { traceId: '0'.repeat(32), id: 1 },
      { traceId: id, id: 2 },
    ]),
  );
  const partial = await stream.answer(2);
  expect(partial).toMatchObject({ status: 'accepted', accepted: 1, rejected: 1 });
  expect(partial.message).toContain('trace id');
  expect((await trace(id))?.spans).toHaveLength(1);
  stream.socket.send(new Uint8Array());
  expect(await stream.answer(3)).toMatchObject({ status: 'accepted', accepted: 0, rejected: 0 });
});

it('ends with 1009 at a message that is too large', async () => {
  const stream = await open();
  stream.socket.send(new Uint8Array(MAX_STREAM_MESSAGE_BYTES + 1));
  expect(await stream.closed()).toBe(1009);
});

it('answers every message once and in order, whatever they are: accepted and rejected spans are those sent', async () => {
  const span = fc.record({ isGood: fc.boolean(), id: fc.integer({ min: 1, max: 1_000_000 }) });
  const message = fc.oneof(
    fc.array(span, { maxLength: 5 }).map((spans) => ({
      bytes: otlp(spans.map(({ isGood, id }) => ({ traceId: isGood ? randomTraceId() : '0'.repeat(32), id }))),
      spans: spans.length,
    })),
    fc.constant({ bytes: new Uint8Array([10, 200, 1]), spans: 0 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 60 }), async (messages) => {
      const stream = await open();
      for (const { bytes } of messages) stream.socket.send(bytes);
      if (messages.length > 0) await stream.answer(messages.length);
      const answers = stream.answers.filter(({ seq }) => seq !== undefined);
      expect(answers.map(({ seq }) => seq)).toEqual(messages.map((_, i) => i + 1));
      for (const [i, { status, accepted = 0, rejected = 0 }] of answers.entries()) {
        expect(status).not.toBe('retry');
        expect(accepted + rejected).toBe(messages[i]!.spans);
      }
      stream.socket.close();
    }),
    { numRuns: 20 },
  );
});

it('slows a sender that keeps to its credit, and loses nothing of it', async () => {
  const stream = await open();
  await vi.waitUntil(() => stream.answers.length > 0);
  const ids = Array.from({ length: 150 }, randomTraceId);
  for (const [i, id] of ids.entries()) {
    await vi.waitUntil(() => stream.answers.at(-1)!.credit.messages > i, { timeout: 10_000, interval: 1 });
    stream.socket.send(otlp([{ traceId: id, id: 1 }]));
  }
  await stream.answer(ids.length);
  expect(stream.answers.filter(({ status }) => status === 'accepted')).toHaveLength(ids.length);
  // A key has so many queries at a time.
  const held = [
    ...(await Promise.all(ids.slice(0, 100).map(trace))),
    ...(await Promise.all(ids.slice(100).map(trace))),
  ];
  expect(held.filter((found) => found?.spans.length === 1)).toHaveLength(ids.length);
});

it('closes a sender that does not keep to its credit', async () => {
  const stream = await open();
  const message = otlp([{ traceId: randomTraceId(), id: 1 }]);
  const hanging = await Promise.all([0, 1, 2, 3].map((shard) => hang(shard, 1_500)));
  for (let i = 0; i < 200; i++) stream.socket.send(message);
  expect(await stream.closed()).toBe(1008);
  await Promise.all(hanging.map(({ over }) => over));
  const statuses = stream.answers.slice(1).map(({ status, reason }) => reason ?? status);
  expect(statuses).toEqual([...Array(64).fill('accepted'), ...Array(65).fill('beyond_credit')]);
  // Each one that was taken or told to come again is known by its number; the rest was never answered.
  expect(stream.answers.slice(1).map(({ seq }) => seq)).toEqual(stream.answers.slice(1).map((_, i) => i + 1));
});

const SHOP = 'https://shop.example';

it('opens for a page’s key from its origins only, and marks what comes under it', async () => {
  const { secret } = await makeKey({ class: 'page', origins: [SHOP] });
  expect((await upgrade(`?key=${secret}`)).status).toBe(403);
  expect((await upgrade(`?key=${secret}`, { origin: 'https://evil.example' })).status).toBe(403);
  for (const [key, mark] of [
    [secret, 'page'],
    ['test-ingest-key', undefined],
  ] as const) {
    const stream = await open(key, { origin: SHOP });
    const id = randomTraceId();
    stream.socket.send(otlp([{ traceId: id, id: 1 }]));
    expect(await stream.answer(1)).toMatchObject({ status: 'accepted' });
    expect((await trace(id))!.spans[0]!.resource.attributes['tailrace.key_class']).toBe(mark);
  }
});

it('holds a key to its rate', async () => {
  const { id, secret } = await makeKey({ spansPerSecond: 100 });
  const stream = await open(secret);
  const spans = Array.from({ length: 50 }, (_, i) => ({ traceId: randomTraceId(), id: i + 1 }));
  for (let i = 0; i < 10; i++) stream.socket.send(otlp(spans));
  await stream.answer(10);
  const answers = stream.answers.filter(({ seq }) => seq !== undefined);
  // Two seconds' worth, and what came in meanwhile.
  const taken = answers.filter(({ status }) => status === 'accepted').length;
  expect(taken).toBeGreaterThanOrEqual(4);
  expect(taken).toBeLessThan(8);
  expect(answers.find(({ status }) => status !== 'accepted')).toMatchObject({
    status: 'retry',
    reason: 'key_limit',
    message: expect.stringContaining(id),
    retryAfterMs: expect.any(Number),
  });
});

it('ends when its key has expired, was revoked or is another by now', async () => {
  const expiring = await makeKey({ expires: new Date(Date.now() + 1_000).toISOString() });
  const [revoked, rotated, kept] = [await makeKey({}), await makeKey({}), await makeKey({})];
  const streams = await Promise.all([expiring, revoked, rotated, kept].map(({ secret }) => open(secret)));
  // In another isolate: this one has to ask.
  expect(await env.CONTROL.getByName('control').revokeKey(revoked.id, 'another')).toBe(true);
  expect((await asAdmin('POST', `/${rotated.id}/rotate`, { graceSeconds: 0 })).status).toBe(200);
  const ends = await Promise.all(streams.slice(0, 3).map(async (each) => [await each.closed(), each.reason()]));
  expect(ends).toEqual([
    [1008, `${expiring.id} has expired`],
    [1008, `${revoked.id} was revoked`],
    [1008, `${rotated.id} has another secret by now`],
  ]);
  streams[3]!.socket.send(otlp([{ traceId: randomTraceId(), id: 1 }]));
  expect(await streams[3]!.answer(1)).toMatchObject({ status: 'accepted' });
});
