/** A trace is erased while its block is being stored, at every call of the write, which then goes on or fails. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { ConfigSource } from '../../durable-objects/config-source.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import { parseHex } from '../../model/ids.ts';
import { ownerOf, slotOf } from '../../model/routing.ts';
import { createD1R2Store } from '../../store/d1-r2.ts';
import { readIndex } from '../../store/r2-sections.ts';
import { eraseTrace } from '../../worker/control/traces.ts';
import { otlp, type TestSpan, traceId } from '../kit/spans.ts';
import { bindings } from '../store/bindings.ts';
import { wrapBindings } from '../store/wrapped-bindings.ts';

const { config: CONFIG } = new ConfigSource(env.TAILRACE_CONFIG, null, null);
const HOUR_MS = 3_600_000;
const shard = env.TRACE_SHARD.getByName('shard-0');
const store = createD1R2Store(bindings);

/** What of a shard the test takes the place of. */
interface Inside {
  storing: { deps: { store: typeof store }; retryAtMs: number };
}

let next = 1;
/** A trace that chance keeps, of shard 0. */
function nextId(): string {
  for (;;) {
    const id = traceId(next++, true);
    if (ownerOf(slotOf(parseHex(id)!), CONFIG.shards) === 0) return id;
  }
}

async function send(spans: readonly TestSpan[]): Promise<void> {
  const response = await exports.default.fetch('https://edge.test/v1/traces', {
    method: 'POST',
    headers: { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' },
    body: otlp(spans),
  });
  expect(response.status).toBe(200);
}

async function statusOf(id: string): Promise<number> {
  const headers = { authorization: 'Bearer test-read-key' };
  const response = await exports.default.fetch(`https://edge.test/api/traces/${id}`, { headers });
  await response.arrayBuffer();
  return response.status;
}

/** Stores what waits, with something to be done at call number `n` of the write. False when there are not so many calls. */
async function storeWith(n: number, when: 'before' | 'after', fails: boolean, work: () => Promise<unknown>) {
  let calls = 0;
  const interrupted = createD1R2Store(
    wrapBindings(bindings, async (call) => {
      const isIt = calls++ === n;
      if (isIt && when === 'before') await work();
      if (isIt && when === 'before' && fails) throw new Error('failed on purpose');
      const answer = await call();
      if (isIt && when === 'after') await work();
      if (isIt && when === 'after' && fails) throw new Error('failed on purpose');
      return answer;
    }),
  );
  const swap = (other: typeof store) =>
    runInDurableObject(shard, (instance: TraceShard) => {
      const { storing } = instance as unknown as Inside;
      storing.deps = { ...storing.deps, store: other };
      storing.retryAtMs = 0;
    });
  await swap(interrupted);
  await runDurableObjectAlarm(shard);
  await swap(store);
  return calls > n;
}

it.each([
  ['before', false],
  ['after', false],
  ['before', true],
  ['after', true],
] as const)('erases for good what is on its way to the store: %s a call, which fails: %s', async (when, fails) => {
  const erased: string[] = [];
  for (let n = 0; ; n++) {
    const [gone, other] = [nextId(), nextId()];
    await send([gone, other].map((id) => ({ traceId: id, id: 1 })));
    const happened = await storeWith(n, when, fails, () => eraseTrace(env, CONFIG, store, gone, Date.now()));
    if (!happened) break;
    erased.push(gone);
    expect(await statusOf(gone), `${n}`).toBe(404);
    await send([{ traceId: gone, id: 2, parent: 1, error: true }]);
    for (let i = 0; i < 3; i++) {
      await runInDurableObject(shard, (instance: TraceShard) => {
        (instance as unknown as Inside).storing.retryAtMs = 0;
      });
      await runDurableObjectAlarm(shard);
    }
    expect([await statusOf(gone), await statusOf(other)], `${n}`).toEqual([404, 200]);
    expect((await store.get(other))?.summary.spanCount, `${n}`).toBe(1);
    const { outboxTraces, storeFailures } = await shard.metrics();
    expect([outboxTraces, storeFailures], `${n}`).toEqual([0, 0]);
  }
  expect(erased.length).toBeGreaterThan(3);

  // Nor is anything left behind that nobody finds.
  const days = { hot: 7, warm: 90, cold: 365 };
  const options = { nowMs: Date.now() + 2 * HOUR_MS, days, statisticsDays: 7, maxBlocks: 10, dryRun: false };
  await store.expire(options);
  const { objects } = await env.BLOCKS.list();
  const left = await Promise.all(objects.map(async ({ key }) => [...(await readIndex(env.BLOCKS, key)).keys()]));
  expect(left.flat().filter((id) => erased.includes(id))).toEqual([]);
});
