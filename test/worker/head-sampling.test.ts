/** What a page samples, from its tracer to what the edge counts and keeps of it. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { SILENCE } from '../../client/api/silence.ts';
import { Tracer } from '../../client/api/tracer.ts';
import { encodeBatch } from '../../client/recorder/batcher.ts';
import { createClaim, DRAIN } from '../../client/recorder/claim.ts';
import { countersOf, createMemory } from '../../client/recorder/memory.ts';
import { readPending } from '../../client/recorder/pending.ts';
import { createRecordWriter } from '../../client/recorder/record.ts';
import { createRing } from '../../client/recorder/ring.ts';
import { createStringTable } from '../../client/recorder/strings.ts';
import { headSampling } from '../../client/sampling/head-sampling.ts';
import { parentBased } from '../../client/sampling/parent-based.ts';
import { perRoute } from '../../client/sampling/per-route.ts';
import { probability } from '../../client/sampling/probability.ts';
import { recordUnsampled } from '../../client/sampling/record-unsampled.ts';
import { sampleBy } from '../../client/sampling/sample-by.ts';
import type { Sampling } from '../../client/sampling/sampler.ts';
import type { Statistics } from '../../durable-objects/statistics.ts';
import type { TraceShard } from '../../durable-objects/trace-shard.ts';
import type { TraceSummary } from '../../model/span.ts';
import { decodeMinute } from '../../model/statistics-row.ts';
import { encodeResource } from '../kit/recorded-batch.ts';

const TRACES = 2_000;
const SHARDS = 4;
/** What of a shard the test looks into. */
interface Inside {
  readonly journal: { readonly statistics: Statistics };
}
/** Each trace is a root and a child of another kind. */
const KINDS = { root: 1, child: 3 };

/** Records traces of a page as the SDK does, and sends them to the edge. How many spans. */
async function visit(service: string, sampling: Sampling | null): Promise<number> {
  const resource = encodeResource([['service.name', service]]);
  const buffer = createMemory(false);
  countersOf(buffer).noteSampling(sampling);
  const ring = createRing(buffer);
  const claim = createClaim(buffer, DRAIN);
  const write = createRecordWriter(ring, createStringTable(buffer));
  let recorded = 0;
  let dropped = 0;
  const tracer = new Tracer({
    ...SILENCE,
    nowUs: () => Date.now() * 1_000,
    sampling,
    onEnd(span) {
      recorded++;
      expect(write(span)).toBe(true);
    },
    onDrop: () => dropped++,
  });
  for (let i = 0; i < TRACES; i++) {
    const root = tracer.startSpan('navigate', { parent: null });
    root.updateName(`route ${i % 2}`);
    tracer.startSpan('step', { parent: root, kind: 'client' }).end();
    root.end();
    if (i % 200 !== 199) continue;
    claim.check();
    const { records, end } = readPending(ring, claim, claim.position, 2 ** 31)!;
    const config = { url: '', resource };
    const { bytes } = encodeBatch({ buffer, config, records, losses: [] });
    const url = 'https://edge.test/v1/batch?key=test-ingest-key';
    const response = await exports.default.fetch(url, { method: 'POST', body: bytes });
    expect([response.status, await response.json()]).toEqual([200, { rejected: 0 }]);
    claim.release(end);
  }
  expect(recorded + dropped).toBe(2 * TRACES);
  return recorded;
}

/** How many spans of a kind the shards' statistics say there were of a service. */
async function estimate(service: string, kind: number): Promise<number> {
  let sum = 0;
  for (let shard = 0; shard < SHARDS; shard++) {
    const stub = env.TRACE_SHARD.getByName(`shard-${shard}`);
    sum += await runInDurableObject(stub, (instance: TraceShard) => {
      const rows = (instance as unknown as Inside).journal.statistics
        .read(0, Number.POSITIVE_INFINITY)
        .map(({ bytes }) => decodeMinute(bytes));
      return rows
        .flatMap(({ cells, operations }) => cells.map((cell) => ({ ...cell, name: operations[cell.operation]! })))
        .filter((cell) => cell.name.service === service && cell.kind === kind)
        .reduce((total, { durations }) => total + durations.count, 0);
    });
  }
  return sum;
}

/** What the traces that are kept of a service say they stand for. */
async function sumOfRates(service: string): Promise<number> {
  let sum = 0;
  for (let cursor: string | null = ''; cursor !== null; ) {
    const url = `https://edge.test/api/traces?service=${service}&limit=500&cursor=${encodeURIComponent(cursor)}`;
    const answer = await exports.default.fetch(url, { headers: { authorization: 'Bearer test-read-key' } });
    const page = (await answer.json()) as { traces: TraceSummary[]; cursor: string | null };
    for (const { decision } of page.traces) if (decision?.keep) sum += decision.rate;
    cursor = page.cursor;
  }
  return sum;
}

/** Five standard deviations of the estimate of a total that was sampled with probability p. */
const bound = (p: number, total: number) => 5 * Math.sqrt((total * (1 - p)) / p);

it.each([
  ['all', null, 1, 1],
  ['sampleRate', headSampling(0.25), 0.25, 0.25],
  // The edge keeps half of what it gets.
  ['unsampled', sampleBy(recordUnsampled(parentBased(probability(0.25)))), 1, 0.5],
] as const)('counts and keeps rightly what a page sends with %s', async (service, sampling, sent, kept) => {
  const recorded = await visit(service, sampling);
  if (sent === 1) expect(recorded).toBe(2 * TRACES);
  for (let shard = 0; shard < SHARDS; shard++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${shard}`));
  for (const kind of Object.values(KINDS)) {
    expect(Math.abs((await estimate(service, kind)) - TRACES)).toBeLessThanOrEqual(bound(sent, TRACES));
  }
  const rate = Math.min(kept, 0.5);
  expect(Math.abs((await sumOfRates(service)) - TRACES)).toBeLessThanOrEqual(bound(rate, TRACES));
});

it('counts rightly what is sampled by route', async () => {
  const service = 'routes';
  await visit(service, sampleBy(parentBased(perRoute([{ name: 'route 0', probability: 1 }], 0.25))));
  for (let shard = 0; shard < SHARDS; shard++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${shard}`));
  expect(Math.abs((await estimate(service, KINDS.root)) - TRACES)).toBeLessThanOrEqual(bound(0.25, TRACES / 2));
});
