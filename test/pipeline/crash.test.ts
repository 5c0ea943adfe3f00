/**
 * The server is killed with SIGKILL under load and started again: what was acknowledged is there, and nothing twice.
 * `npm run soak` does it more often.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { spawnEdge } from '../kit/edge.ts';
import { pickSeed, seededRandom } from '../kit/random.ts';
import type { TestSpan } from '../kit/spans.ts';
import { tempDir } from '../kit/temp-dir.ts';
import { expected, fromJson, fromOtlp } from './fixtures/comparable.ts';
import { CrashLoad } from './fixtures/crash-load.ts';
import {
  agree,
  expectKept,
  getOtlp,
  getTrace,
  inParallel,
  isKept,
  isSampled,
  list,
  metrics,
  sum,
} from './fixtures/edge-answers.ts';

const KILLS = Number(process.env.SOAK_KILLS ?? 3);
const SENDERS = 6;
/** Half of the traces are kept at random, and everything is due so soon that kills meet decisions and blocks. */
const VARS = {
  TAILRACE_OPEN: '1',
  TAILRACE_CONFIG: JSON.stringify({
    probability: 0.5,
    quietMs: 50,
    headlessQuietMs: 200,
    maxAgeMs: 1_000,
    alarmMs: 100,
    storing: { blockMs: 0 },
  }),
};

it(`has every acknowledged span once after it was killed ${KILLS} times under load`, {
  timeout: 60_000 + KILLS * 20_000,
}, async () => {
  const seed = pickSeed(process.env.SEED);
  const random = seededRandom(seed);
  using dir = tempDir();
  let edge = await spawnEdge({ stateDir: dir.path, vars: VARS });
  const { url } = edge;
  const startAgain = async () => {
    edge = await spawnEdge({ stateDir: dir.path, vars: VARS, port: Number(new URL(url).port) });
  };
  const startUs = Date.now() * 1000;
  const load = new CrashLoad(url, startUs);
  const running = load.run(SENDERS, seed);
  running.catch(() => {});
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      // Now and then it has hardly started.
      await Promise.race([load.more(Math.floor(random() ** 2 * 100)), running]);
      await setTimeout(random() * 100);
      await edge.kill();
      await startAgain();
      agree(await metrics(url));
      const before = [...load.acknowledged.keys()].filter(isSampled);
      const ids = (await list(url, startUs)).map(({ traceId }) => traceId);
      expect(ids, 'listed twice').toHaveLength(new Set(ids).size);
      expect(
        before.filter((id) => !ids.includes(id)),
        'not listed',
      ).toEqual([]);
    }
    await Promise.race([load.more(20), running]);
    load.stop();
    await running;

    const settled = await vi.waitUntil(
      async () => {
        const all = await metrics(url);
        return all.get('tailrace_live_spans') === 0 && all.get('tailrace_outbox_spans') === 0 && all;
      },
      { timeout: 10_000, interval: 50 },
    );
    agree(settled);
    const { acknowledged } = load;
    const kept = [...acknowledged].filter(([id, spans]) => isKept(id, spans));
    const count = (traces: Iterable<readonly [string, ReadonlyMap<number, TestSpan>]>) =>
      [...traces].reduce((sum, [, spans]) => sum + spans.size, 0);
    console.log(
      `${KILLS} kills: ${load.requests} requests, ${acknowledged.size} traces (${kept.length} kept), ${count(acknowledged)} spans, ` +
        `${settled.get('tailrace_blocks_stored_total')} blocks, ${load.readBacks} read back at once, answers ${[...load.statuses].join(' ')}`,
    );
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length).toBeLessThan(acknowledged.size);
    expect(load.statuses.get(0)).toBeGreaterThanOrEqual(KILLS);
    // Every span was new once, whatever was sent how often; every trace was decided once; what is kept is stored once.
    expect(settled.get('tailrace_spans_accepted_total')! - settled.get('tailrace_spans_merged_total')!).toBe(
      count(acknowledged),
    );
    expect(sum(settled, 'tailrace_traces_decided_total')).toBe(acknowledged.size);
    expect(settled.get('tailrace_spans_stored_total')).toBe(count(kept));

    await inParallel(acknowledged, async ([id, spans]) => {
      const trace = await getTrace(url, id);
      expect(trace.state, id).toBe(isKept(id, spans) ? 'kept' : 'dropped');
      expect(fromJson(trace), id).toEqual(expected(spans));
    });
    const dropped = [...acknowledged].filter(([id, spans]) => !isKept(id, spans));
    await inParallel(dropped, async ([id, spans]) =>
      expect(fromOtlp(await getOtlp(url, id)), id).toEqual(expected(spans)),
    );
    expectKept(await list(url, startUs), kept);

    // Without the shards only what is stored can answer.
    await edge.close();
    rmSync(join(dir.path, 'do'), { recursive: true });
    await startAgain();
    expectKept(await list(url, startUs), kept);
    await inParallel(kept, async ([id, spans]) =>
      expect(fromOtlp(await getOtlp(url, id)), id).toEqual(expected(spans)),
    );
  } finally {
    load.stop();
    await edge.close();
  }
});
