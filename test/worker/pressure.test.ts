/** What senders are told of pressure, who is let in under it, and that one shard that hangs holds up nobody else. */
import { env, exports } from 'cloudflare:workers';
import { expect, it, vi } from 'vitest';
import { isTaken, levelOf, taken, worst } from '../../durable-objects/append-result.ts';
import { parseConfig } from '../../durable-objects/config.ts';
import { parseHex } from '../../model/ids.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { ownerOf, slotOf } from '../../model/routing.ts';
import { InFlight } from '../../worker/ingest/in-flight.ts';
import { currentPressure, noteShard, overloaded } from '../../worker/ingest/pressure.ts';
import { isUrgent } from '../../worker/ingest/urgent.ts';
import { otlp, randomTraceId, type TestSpan } from '../kit/spans.ts';
import { hang } from './hang.ts';

const CONFIG = parseConfig(env.TAILRACE_CONFIG);

/** A new trace of the shard. */
function idOf(shard: number): string {
  for (;;) {
    const id = randomTraceId();
    if (ownerOf(slotOf(parseHex(id)!), CONFIG.shards) === shard) return id;
  }
}

async function send(...spans: TestSpan[]): Promise<Response> {
  const answer = await exports.default.fetch('https://edge.test/v1/traces', {
    method: 'POST',
    headers: {
      authorization: 'Bearer test-ingest-key',
      'content-type': 'application/x-protobuf',
      origin: 'https://shop.example',
    },
    body: otlp(spans),
  });
  await answer.arrayBuffer();
  return answer;
}

const pressureOf = (answer: Response) => answer.headers.get('tailrace-pressure');

it('has one number for what a shard answers', () => {
  for (const level of [0, 1, 2, 3, 4] as const) {
    expect([isTaken(taken(level)), levelOf(taken(level))]).toEqual([true, level]);
  }
  expect([isTaken(5_000), levelOf(5_000)]).toEqual([false, 4]);
  expect(worst([true, -3, -1])).toBe(-3);
  expect(worst([true, -3, 1_000])).toBe(1_000);
  expect(worst([true])).toBe(true);
});

it('spreads the times at which those come again who are refused together', () => {
  const seconds = new Set(Array.from({ length: 200 }, () => overloaded('', 4_001).retryAfterSeconds));
  expect([...seconds].sort((a, b) => a! - b!)).toEqual([5, 6, 7, 8, 9, 10]);
  expect(overloaded('', 1).retryAfterSeconds).toBeGreaterThanOrEqual(1);
});

it('knows which requests are urgent', () => {
  const config = parseConfig('{"slowMs": 500, "critical": {"services": ["pay"], "operations": ["refund"]}}');
  const isIt = (...spans: Partial<TestSpan>[]) =>
    isUrgent(scanTraces(otlp(spans.map((span, i) => ({ traceId: idOf(0), id: i + 1, ...span })))), config);
  expect(isIt({}, {})).toBe(false);
  expect(isIt({}, { error: true })).toBe(true);
  expect(isIt({ durationUs: 499_999 })).toBe(false);
  expect(isIt({ durationUs: 500_000 })).toBe(true);
  expect(isIt({ durationUs: null })).toBe(false);
  expect(isIt({ service: 'pay' })).toBe(true);
  expect(isIt({ name: 'refund' })).toBe(true);
  // What is rejected opens no door.
  expect(isIt({ traceId: '0'.repeat(32), error: true }, {})).toBe(false);
});

it('tells it with every answer, and a page may read it', async () => {
  const calm = await send({ traceId: idOf(0), id: 1 });
  expect([calm.status, pressureOf(calm)]).toEqual([200, 'normal']);
  expect(calm.headers.get('access-control-expose-headers')).toContain('tailrace-pressure');
  noteShard(1, 2);
  expect(pressureOf(await send({ traceId: idOf(0), id: 1 }))).toBe('moderate');
  const malformed = await exports.default.fetch('https://edge.test/v1/batch?key=test-ingest-key', {
    method: 'POST',
    body: 'nonsense',
  });
  expect([malformed.status, pressureOf(malformed)]).toEqual([400, 'moderate']);
  // The shard itself says that it is calm.
  expect(pressureOf(await send({ traceId: idOf(1), id: 1 }))).toBe('normal');
});

it('lets in what is urgent when a shard is high, and the rest for other shards or later', async () => {
  noteShard(1, 3);
  const plain = { traceId: idOf(1), id: 1 };
  const refused = await send(plain, { traceId: idOf(0), id: 1 });
  expect([refused.status, pressureOf(refused)]).toEqual([429, 'high']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect((await send({ traceId: idOf(0), id: 1 })).status).toBe(200);
  expect((await send(plain, { traceId: idOf(0), id: 1, error: true })).status).toBe(200);
  // That was answered, and calmly; without an answer it is held against the shard for a second.
  expect((await send(plain)).status).toBe(200);
  noteShard(1, 3);
  const started = Date.now();
  await vi.waitUntil(async () => (await send(plain)).status === 200, { timeout: 5_000, interval: 50 });
  expect(Date.now() - started).toBeGreaterThan(500);
});

it('answers 503 after 2 s for a shard that hangs, while requests to others are answered at once', async () => {
  expect((await send({ traceId: idOf(0), id: 1 })).status).toBe(200);
  const { over } = await hang(0, 4_000);
  const mine = idOf(1);
  const started = Date.now();
  const stuck = Array.from({ length: 20 }, () => send({ traceId: idOf(0), id: 1 }, { traceId: mine, id: 1 }));
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const sent = Date.now();
    expect((await send({ traceId: idOf(1 + (i % (CONFIG.shards - 1))), id: 1 })).status).toBe(200);
    times.push(Date.now() - sent);
  }
  expect(Date.now() - started).toBeLessThan(2_000);
  expect(Math.max(...times)).toBeLessThan(1_000);
  const answers = await Promise.all(stuck);
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(503));
  for (const answer of answers) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(Date.now() - started).toBeGreaterThanOrEqual(2_000);
  await over;
  // What the other shard took of them stays.
  const trace = await exports.default.fetch(`https://edge.test/api/traces/${mine}`, {
    headers: { authorization: 'Bearer test-read-key' },
  });
  expect(trace.status).toBe(200);
  await trace.arrayBuffer();
  expect((await send({ traceId: idOf(0), id: 1 })).status).toBe(200);
});

it('says so before an isolate has too much in hand, and gives back what it has taken', async () => {
  const MIB = 1024 * 1024;
  expect(currentPressure('anyone')).toBe('normal');
  const first = new InFlight();
  first.take(31 * MIB);
  expect(currentPressure('anyone')).toBe('normal');
  first.take(MIB);
  expect(currentPressure('anyone')).toBe('moderate');
  const second = new InFlight();
  second.take(16 * MIB);
  expect(currentPressure('anyone')).toBe('high');
  expect(() => second.take(17 * MIB)).toThrow(expect.objectContaining({ status: 429 }));
  expect(currentPressure('anyone')).toBe('overload');
  second.take(16 * MIB);
  first.release();
  second.release();
  await vi.waitUntil(() => currentPressure('anyone') === 'normal', { timeout: 2_000, interval: 50 });
  first.take(31 * MIB);
  expect(currentPressure('anyone')).toBe('normal');
  first.release();
});
