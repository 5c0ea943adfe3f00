import { env } from 'cloudflare:workers';
import { beforeAll, expect, it } from 'vitest';
import { Capacity } from '../../durable-objects/capacity.ts';
import { parseConfig } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import { IngestError } from '../../worker/errors.ts';
import { admit } from '../../worker/ingest/admission.ts';
import { currentPressure } from '../../worker/ingest/pressure.ts';

// The first call loads the modules of the objects, which here takes seconds.
beforeAll(() => env.LEDGER.getByName('ledger').read());

it('gives tokens at the rate, holds two seconds’ worth, and says how long to wait', () => {
  const capacity = new Capacity(1_000, 0);
  const lease = (needed: number, wanted: number, nowMs: number) => capacity.lease(needed, wanted, nowMs, false);
  expect(lease(500, 100, 0)).toEqual({ spans: 500, waitMs: 0, left: 0.75 });
  expect(lease(1_000, 5_000, 0)).toEqual({ spans: 1_500, waitMs: 0, left: 0 });
  expect(lease(100, 100, 0)).toEqual({ spans: 0, waitMs: 100, left: 0 });
  expect(lease(100, 100, 100)).toEqual({ spans: 100, waitMs: 0, left: 0 });
  // A clock that goes back gives nothing and takes nothing.
  expect(lease(100, 100, 50)).toEqual({ spans: 0, waitMs: 100, left: 0 });
  expect(lease(100, 100, 150)).toEqual({ spans: 100, waitMs: 0, left: 0 });
  // What is larger than the bucket is let in when it is full, and owed.
  expect(lease(9_000, 100, 60_000)).toEqual({ spans: 9_000, waitMs: 0, left: 0 });
  expect(lease(1, 1, 60_000).waitMs).toBe(7_001);
});

it('gives half a second’s worth to what is urgent when others get nothing, and fills that first', () => {
  const capacity = new Capacity(1_000, 0);
  capacity.lease(2_000, 2_000, 0, false);
  expect(capacity.lease(100, 100, 0, false).spans).toBe(0);
  expect(capacity.lease(500, 500, 0, true).spans).toBe(500);
  expect(capacity.lease(1, 1, 0, true)).toEqual({ spans: 0, waitMs: 1, left: 0 });
  // Ten times too much of both: what is urgent comes in at the whole rate.
  let urgent = 0;
  for (let nowMs = 100; nowMs <= 60_000; nowMs += 10) {
    expect(capacity.lease(100, 100, nowMs, false).spans).toBe(0);
    urgent += capacity.lease(100, 100, nowMs, true).spans;
  }
  expect(urgent).toBe(60_000);
  expect(capacity.lease(100, 100, 60_599, false).spans).toBe(0);
  expect(capacity.lease(100, 100, 60_600, false).spans).toBe(100);
});

it('gives no burst for every isolate that does not know yet what the capacity is by now', async () => {
  const ledger = env.LEDGER.getByName('changing');
  const ask = { who: 'anyone', needed: 1_000, wanted: 1_000, isUrgent: false };
  let given = 0;
  for (let i = 0; i < 20; i++) given += (await ledger.lease(i % 2 ? 1_000 : 2_000, ask, [])).spans;
  // Two seconds' worth, and what came in while it was asked for.
  expect(given).toBeGreaterThanOrEqual(2_000);
  expect(given).toBeLessThan(10_000);
});

it('has a sender come again while the Ledger is away', async () => {
  const config = parseConfig('{"capacity": {"spansPerSecond": 1000}}');
  for (const lease of [() => Promise.reject(new Error('away on purpose')), () => new Promise(() => {})]) {
    const bindings = { ...env, LEDGER: { getByName: () => ({ lease }) } as unknown as Env['LEDGER'] };
    await expect(admit(bindings, config, 'anyone', 100, () => false)).rejects.toMatchObject({
      status: 503,
      code: 'unavailable',
      retryAfterSeconds: expect.any(Number),
    });
  }
});

it('lets in what the configuration allows over all requests, and refuses the rest as a whole', async () => {
  const config = parseConfig('{"capacity": {"spansPerSecond": 1000}}');
  const never = () => false;
  const answers = await Promise.allSettled(Array.from({ length: 40 }, () => admit(env, config, 'anyone', 100, never)));
  const refused = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason as IngestError);
  // Two seconds' worth, and what came in while they were asked for.
  expect(answers.length - refused.length).toBeGreaterThanOrEqual(20);
  expect(answers.length - refused.length).toBeLessThan(35);
  for (const error of refused) {
    expect(error).toBeInstanceOf(IngestError);
    expect([error.status, Number(error.headers['retry-after'])]).toEqual([429, expect.any(Number)]);
  }
  expect(currentPressure('anyone')).toBe('high');
  // With an error among its spans the same is let in.
  await admit(env, config, 'anyone', 100, () => true);
  await expect(admit(env, parseConfig('{}'), 'anyone', 1e9, never)).resolves.toBeUndefined();
});

it('asks again where nobody answers, and has senders come again meanwhile', async () => {
  const config = parseConfig('{"capacity": {"spansPerSecond": 1000000}}');
  const always = () => true;
  let calls = 0;
  const hangs = {
    getByName: () => ({
      lease: () => {
        calls++;
        return new Promise(() => {});
      },
    }),
  };
  const fails = { getByName: () => ({ lease: () => Promise.reject(new Error('away on purpose')) }) };
  const bindings = (ledger: object) => ({ ...env, LEDGER: ledger as unknown as Env['LEDGER'] });
  // As after a request that was cut off while it asked for all: it never hears of an answer.
  const waiting = await Promise.allSettled(
    [1, 2, 3].map(() => admit(bindings(hangs), config, 'anyone', 10_000, always)),
  );
  const refusal = { status: 503, retryAfterSeconds: expect.any(Number) };
  expect([calls, waiting]).toEqual([
    1,
    waiting.map(() => ({ status: 'rejected', reason: expect.objectContaining(refusal) })),
  ]);
  await expect(admit(bindings(fails), config, 'anyone', 10_000, always)).rejects.toMatchObject(refusal);
  await expect(admit(env, config, 'anyone', 10_000, always)).resolves.toBeUndefined();
});
