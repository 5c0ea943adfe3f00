import { abortAllDurableObjects, runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { Trace, TraceList } from '../../model/span.ts';
import { pickSeed, seededRandom } from '../kit/random.ts';
import { otlp, TEST_START_US, type TestSpan, traceId } from '../kit/spans.ts';

const REQUESTS = 200;
const READ = { headers: { authorization: 'Bearer test-read-key' } };

it('keeps every acknowledged span, and no trace twice, while Durable Objects are aborted at random', async () => {
  const seed = pickSeed(undefined);
  const random = seededRandom(seed);
  /** Acknowledged span ids by trace. */
  const acknowledged = new Map<string, Set<number>>();
  let aborts = 0;
  let resent = 0;

  const send = async (spans: TestSpan[]): Promise<boolean> => {
    const response = await exports.default.fetch(
      new Request('https://edge.test/v1/traces', {
        method: 'POST',
        headers: { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' },
        body: otlp(spans),
      }),
    );
    await response.arrayBuffer();
    expect([200, 503]).toContain(response.status);
    return response.status === 200;
  };

  /** Aborts every object, or runs an alarm, at a random moment of one request in five. */
  const disturbed = async (request: Promise<boolean>): Promise<boolean> => {
    if (random() < 0.2) {
      for (let turns = Math.floor(random() * 12); turns > 0; turns--) await new Promise((next) => setTimeout(next, 0));
      if (random() < 0.6) {
        aborts++;
        await abortAllDurableObjects();
      } else {
        // An abort may end the alarm; the platform runs it again.
        const shard = env.TRACE_SHARD.getByName(`shard-${Math.floor(random() * 4)}`);
        await runDurableObjectAlarm(shard).catch(() => {});
      }
    }
    return request;
  };

  const sender = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      // Each request brings a new trace and late spans of an older one.
      const older = Math.floor(random() * (i + 1));
      const spans: TestSpan[] = [
        { traceId: traceId(i, i % 3 !== 0), id: 1, startUs: TEST_START_US + i },
        { traceId: traceId(i, i % 3 !== 0), id: 2, parent: 1, startUs: TEST_START_US + i, error: random() < 0.2 },
        { traceId: traceId(older, older % 3 !== 0), id: 1_000 + i, parent: 1, startUs: TEST_START_US + older },
      ];
      for (let tries = 0; !(await disturbed(send(spans))); tries++) {
        expect(tries).toBeLessThan(50);
        resent++;
      }
      for (const { traceId: id, id: span } of spans) {
        acknowledged.set(id, (acknowledged.get(id) ?? new Set()).add(span));
      }
    }
  };
  const senders = Array.from({ length: 4 }, (_, s) => sender((s * REQUESTS) / 4, ((s + 1) * REQUESTS) / 4));
  await Promise.all(senders);
  await abortAllDurableObjects();
  for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));

  const context = `seed ${seed}, ${aborts} aborts, ${resent} requests resent`;
  expect(aborts, context).toBeGreaterThan(5);
  for (const [id, ids] of acknowledged) {
    const response = await exports.default.fetch(`https://edge.test/api/traces/${id}`, READ);
    const trace = await response.json<Trace>();
    const found = trace.spans.map(({ spanId }) => Number.parseInt(spanId, 16));
    expect(new Set(found).size, context).toBe(found.length);
    for (const span of ids) expect(found, context).toContain(span);
    const errors = trace.spans.filter(({ status }) => status.code === 'error').length;
    if (errors > 0) expect(trace.state, context).toBe('kept');
  }
  const url = `https://edge.test/api/traces?start=${TEST_START_US}&end=${TEST_START_US + REQUESTS}&limit=1000`;
  const list = await (await exports.default.fetch(url, READ)).json<TraceList>();
  expect(new Set(list.traces.map((trace) => trace.traceId)).size, context).toBe(list.traces.length);
  const stored = await env.DB.prepare('SELECT count(*) AS n FROM traces').first<{ n: number }>();
  expect(stored?.n, context).toBeGreaterThan(REQUESTS / 3);
});
