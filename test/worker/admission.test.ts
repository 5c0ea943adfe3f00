import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { Capacity } from '../../durable-objects/capacity.ts';
import { parseConfig } from '../../durable-objects/config.ts';
import { IngestError } from '../../worker/errors.ts';
import { admit } from '../../worker/ingest/admission.ts';

it('gives tokens at the rate, holds two seconds’ worth, and says how long to wait', () => {
  const capacity = new Capacity(1_000, 0);
  expect(capacity.lease(500, 100, 0)).toEqual({ spans: 500, waitMs: 0 });
  expect(capacity.lease(1_000, 5_000, 0)).toEqual({ spans: 1_500, waitMs: 0 });
  expect(capacity.lease(100, 100, 0)).toEqual({ spans: 0, waitMs: 100 });
  expect(capacity.lease(100, 100, 100)).toEqual({ spans: 100, waitMs: 0 });
  // A clock that goes back gives nothing and takes nothing.
  expect(capacity.lease(100, 100, 50)).toEqual({ spans: 0, waitMs: 100 });
  expect(capacity.lease(100, 100, 150)).toEqual({ spans: 100, waitMs: 0 });
  // What is larger than the bucket is let in when it is full, and owed.
  expect(capacity.lease(9_000, 100, 60_000)).toEqual({ spans: 9_000, waitMs: 0 });
  expect(capacity.lease(1, 1, 60_000).waitMs).toBe(7_001);
});

it('lets in what the configuration allows over all requests, and refuses the rest as a whole', async () => {
  const config = parseConfig('{"capacity": {"spansPerSecond": 1000}}');
  const answers = await Promise.allSettled(Array.from({ length: 40 }, () => admit(env, config, 100)));
  const refused = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason as IngestError);
  // Two seconds' worth, and what came in while they were asked for.
  expect(answers.length - refused.length).toBeGreaterThanOrEqual(20);
  expect(answers.length - refused.length).toBeLessThan(35);
  for (const error of refused) {
    expect(error).toBeInstanceOf(IngestError);
    expect([error.status, Number(error.headers['retry-after'])]).toEqual([429, expect.any(Number)]);
  }
  await expect(admit(env, parseConfig('{}'), 1e9)).resolves.toBeUndefined();
});
