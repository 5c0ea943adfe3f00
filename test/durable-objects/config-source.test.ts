import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it, vi } from 'vitest';
import { ConfigSource } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { frame, TEST_TABLE, traceId } from '../kit/spans.ts';

const VARIABLE = env.TAILRACE_CONFIG;
const text = (probability: number) => JSON.stringify({ ...JSON.parse(VARIABLE!), probability });
const NOTHING = { document: null, table: null };
const control = () => env.CONTROL.getByName('control');

/** The edge's bindings with a Control that answers like this. */
function withControl(answer: () => Promise<never>): Pick<Env, 'CONTROL' | 'TAILRACE_CONFIG'> {
  return { CONTROL: { getByName: () => ({ current: answer }) } as unknown as Env['CONTROL'] };
}

it('goes by what it last heard where Control fails, and asks again after five seconds', async () => {
  const source = new ConfigSource(VARIABLE, null, null);
  expect([source.config.probability, source.isStale(0)]).toEqual([0.5, true]);
  const put = await control().put(text(0.25), 1, null, 'test');
  if (!put.accepted) throw new Error('not accepted');
  const { document } = put;
  const { table } = await control().current(null);
  expect(await source.refresh(env, 0)).toEqual({ document, table });
  expect(source.config).toMatchObject({ probability: 0.25, version: document.version });
  // The same again is no news.
  expect(await source.refresh(env, 1)).toEqual({ document: null, table });

  await control().put(text(0.75), 1, null, 'test');
  const failing = withControl(() => Promise.reject(new Error('failed on purpose')));
  expect(await source.refresh(failing, 10_000)).toEqual(NOTHING);
  expect(source.config).toMatchObject({ probability: 0.25, version: document.version });
  expect([source.isStale(14_999), source.isStale(15_000)]).toEqual([false, true]);
  await source.refresh(env, 15_000);
  expect(source.config.probability).toBe(0.75);
});

it('waits a second for Control, not longer', async () => {
  const source = new ConfigSource(VARIABLE, null, null);
  const silent = withControl(() => new Promise(() => {}));
  const started = performance.now();
  expect(await source.refresh(silent, 0)).toEqual(NOTHING);
  expect(performance.now() - started).toBeLessThan(5_000);
  expect([source.config.probability, source.isStale(1)]).toEqual([0.5, false]);
});

it('a shard that starts while Control is away goes by what it knew', async () => {
  const put = await control().put(text(0.125), 1, null, 'test');
  const shard = env.TRACE_SHARD.getByName('config-source');
  const configOf = (stub: typeof shard) =>
    runInDurableObject(stub, (instance: TraceShard) => {
      const { source } = instance as unknown as { source: ConfigSource };
      return {
        wasAsked: !source.isStale(Date.now()),
        probability: source.config.probability,
        version: source.config.version,
      };
    });
  await shard.append(frame([{ traceId: traceId(1), id: 1 }]), TEST_TABLE);
  await vi.waitUntil(async () => (await configOf(shard)).probability === 0.125);
  await abortAllDurableObjects();
  expect(await configOf(env.TRACE_SHARD.get(shard.id))).toEqual({
    wasAsked: false,
    probability: 0.125,
    version: put.accepted && put.document.version,
  });
});
