import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import type { Env } from '../../durable-objects/env.ts';
import { ready } from '../../worker/ready.ts';

const ASK = 'https://edge.test/ready';
let nowMs = 1e12;
/** Later than the last answer is remembered. */
function ask(changed: Partial<Env> = {}): Promise<Response> {
  nowMs += 1_000;
  return ready({ ...env, ...changed }, nowMs);
}

it('says that everything answers, without a key', async () => {
  // The first call of each waits for the simulator to start.
  await Promise.all([
    env.DB.prepare('SELECT 1').all(),
    env.BLOCKS.head('ready'),
    env.TRACE_SHARD.getByName('shard-0').ping(),
  ]);
  const answer = await exports.default.fetch(ASK);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { status: 'ready', checks: { d1: 'ok', r2: 'ok', shard: 'ok' } },
  ]);
});

it('names what fails and what does not answer, and waits for it no longer than 2 s', async () => {
  const failing = {
    prepare: () => ({ all: () => Promise.reject(new Error('secret')) }),
  } as unknown as D1Database;
  const silent = { head: () => new Promise(() => {}) } as unknown as R2Bucket;
  const started = performance.now();
  const answer = await ask({ DB: failing, BLOCKS: silent });
  expect(performance.now() - started).toBeLessThan(2_500);
  expect([answer.status, await answer.json()]).toEqual([
    503,
    { status: 'not_ready', checks: { d1: 'failed', r2: 'timeout', shard: 'ok' } },
  ]);
  const broken = { getByName: () => ({ ping: () => Promise.reject(new Error('broken')) }) };
  expect(await (await ask({ TRACE_SHARD: broken as unknown as Env['TRACE_SHARD'] })).json()).toMatchObject({
    checks: { d1: 'ok', r2: 'ok', shard: 'failed' },
  });
});

it('checks no more often than once a second, whoever asks', async () => {
  let asked = 0;
  const counting = {
    head: () => {
      asked++;
      return Promise.resolve(null);
    },
  } as unknown as R2Bucket;
  await ask({ BLOCKS: counting });
  await ready({ ...env, BLOCKS: counting }, nowMs + 999);
  expect(asked).toBe(1);
});
