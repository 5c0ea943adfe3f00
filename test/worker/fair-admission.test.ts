/** Keys that share a capacity, through the door of two isolates, by a clock of the test's own. */
import { env } from 'cloudflare:workers';
import { beforeAll, expect, it, vi } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';
import { otlp, randomTraceId } from '../kit/spans.ts';
import { type Fetch, startIsolate } from './isolate.ts';

const CAPACITY = 1_000;
/** Of a tenth of a second. */
const STEPS = 40;
const bindings: Env = {
  ...env,
  TAILRACE_CONFIG: JSON.stringify({
    ...(JSON.parse(env.TAILRACE_CONFIG!) as object),
    shards: 1,
    capacity: { spansPerSecond: CAPACITY },
  }),
};

let isolates: Fetch[];

beforeAll(async () => {
  isolates = [await startIsolate(), await startIsolate()];
});

async function makeKey(name: string): Promise<string> {
  const headers = { authorization: 'Bearer test-admin-key' };
  const body = JSON.stringify({ name, class: 'service' });
  const made = await isolates[0]!(new Request('https://edge.test/api/keys', { method: 'POST', headers, body }), env);
  expect(made.status).toBe(201);
  return (await made.json<{ secret: string }>()).secret;
}

function send(isolate: Fetch, secret: string, spans: number, isError = false): Promise<Response> {
  const traceId = randomTraceId();
  const body = otlp(Array.from({ length: spans }, (_, i) => ({ traceId, id: i + 1, error: isError })));
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/x-protobuf' };
  return isolate(new Request('https://edge.test/v1/traces', { method: 'POST', headers, body }), bindings);
}

it('refuses the key that takes most, and nobody else is held up or told to send less', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const startMs = Date.now();
    const [big, small] = [await makeKey('big'), await makeKey('small')];
    const refused: Response[] = [];
    const taken = { big: 0, small: 0 };
    const smallStatuses = new Set<number>();
    const smallPressures = new Set<string | null>();
    // Each tenth of a second the one sends more than twice what may come in, the other a fifth of it, through both isolates.
    for (let step = 0; step < STEPS; step++) {
      vi.setSystemTime(startMs + step * 100);
      for (const isolate of isolates) {
        for (let i = 0; i < 12; i++) {
          const answer = await send(isolate, big, 10);
          if (answer.status === 200) taken.big += 10;
          else refused.push(answer);
        }
        const answer = await send(isolate, small, 10);
        if (answer.status === 200) taken.small += 10;
        // The first second makes room.
        if (step < 10) continue;
        smallStatuses.add(answer.status);
        smallPressures.add(answer.headers.get('tailrace-pressure'));
      }
    }
    expect([...smallStatuses]).toEqual([200]);
    expect([...smallPressures].filter((pressure) => pressure === 'high' || pressure === 'overload')).toEqual([]);
    expect(taken.big + taken.small).toBeGreaterThan(0.95 * CAPACITY * (STEPS / 10));
    expect(taken.big + taken.small).toBeLessThan(1.05 * CAPACITY * (STEPS / 10 + 2));
    for (const answer of refused) {
      expect([answer.status, Number(answer.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect(refused.at(-1)!.headers.get('tailrace-pressure')).toBe('high');
    // What is urgent is let in whoever sends it.
    expect((await send(isolates[1]!, big, 100, true)).status).toBe(200);
  } finally {
    vi.useRealTimers();
  }
});
