/** Producers in threads of their own; the recorder's end of their lines is here. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expose } from 'comlink';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Stats } from '../../../client/api/tailrace.ts';
import { createMemory, headerOf, markLeft, WORD_HEAD } from '../../../client/recorder/memory.ts';
import { offerTo } from '../../../client/recorder/offer.ts';
import { createProducerHost } from '../../../client/recorder/producer-host.ts';
import type { OpenRecordable } from '../../../client/recorder/recordable.ts';
import { createRing } from '../../../client/recorder/ring.ts';
import { createRingProducer } from '../../../client/recorder/ring-producer.ts';
import { decodeBatch } from '../../../model/batch/decode.ts';
import { encodeResource, toRecordable } from '../../kit/recorded-batch.ts';
import { arbitrarySpan } from '../../model/batch/arbitrary-batch.ts';
import type { Job } from './producing-worker.ts';

const config = { url: '', resource: encodeResource([]) };
const range = (length: number) => Array.from({ length }, (_, i) => i);

/** Takes batches, and keeps the numbers of the spans that arrived by producer: their names are `producer number`. */
class Edge {
  readonly arrived: number[][] = [];

  readonly send = async (bytes: Uint8Array<ArrayBuffer>) => {
    for (const { name } of decodeBatch(bytes).spans) {
      const [producer, number] = name.split(' ').map(Number) as [number, number];
      this.arrived[producer] ??= [];
      this.arrived[producer].push(number);
    }
    return { outcome: 'accepted', refused: 0, pressure: null, attempts: 1, tookMs: 1, waitMs: 0 } as const;
  };
}

interface Producing {
  readonly worker: Worker;
  /** The memory of the producer's ring, where it is shared. */
  readonly buffer: SharedArrayBuffer;
  /** What the producer has counted when it is done. */
  readonly stats: Promise<Stats>;
}

function produce(edge: Edge, kind: 'shared' | 'copied', job: Job): Producing {
  const line = new MessageChannel();
  const buffer = createMemory(true, 64 * 1024) as SharedArrayBuffer;
  const worker = new Worker(new URL('./producing-worker.ts', import.meta.url), {
    workerData: { port: line.port2, job },
    transferList: [line.port2 as never],
  });
  offerTo(line.port1, () => {
    const { port1, port2 } = new MessageChannel();
    const offered = kind === 'shared' ? buffer : null;
    expose(createProducerHost(config, offered, edge.send, null), port1);
    return { port: port2, config, buffer: offered };
  });
  const stats = once(worker, 'message').then(async ([stats]) => {
    line.port1.close();
    await worker.terminate();
    return stats as Stats;
  });
  return { worker, buffer, stats };
}

describe.each(['shared', 'copied'] as const)('16 producers, memory %s', (kind) => {
  const all = (edge: Edge, count: number, isCareful: boolean) =>
    Promise.all(range(16).map((id) => produce(edge, kind, { id, count, isCareful }).stats));

  it('lose none of 25,000 spans each when they wait, and keep their order', { timeout: 120_000 }, async () => {
    const edge = new Edge();
    const stats = await all(edge, 25_000, true);
    expect(stats.map(({ recorded, accepted, ring_full }) => [recorded, accepted, ring_full])).toEqual(
      range(16).map(() => [25_000, 25_000, 0]),
    );
    for (const numbers of edge.arrived) expect(numbers).toEqual(range(25_000));
  });

  it('deliver or count as dropped each span when they do not wait', { timeout: 120_000 }, async () => {
    const edge = new Edge();
    const stats = await all(edge, 25_000, false);
    for (const [id, { recorded, accepted, ring_full }] of stats.entries()) {
      expect(recorded).toBe(25_000);
      expect(accepted + ring_full).toBe(recorded);
      expect(edge.arrived[id]!.length).toBe(accepted);
      expect(edge.arrived[id]).toEqual(edge.arrived[id]!.toSorted((a, b) => a - b));
    }
    expect(stats.some(({ ring_full }) => ring_full > 0)).toBe(true);
  });
});

it('delivers what a producer pushed that is no more', { timeout: 30_000 }, async () => {
  const edge = new Edge();
  const { worker, buffer } = produce(edge, 'shared', { id: 0, count: 1e9, isCareful: true });
  const ring = createRing(buffer);
  while ((edge.arrived[0]?.length ?? 0) < 1000) await new Promise((resolve) => setTimeout(resolve, 10));
  await worker.terminate();
  while (ring.usedBytes > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const [numbers] = edge.arrived;
  expect(numbers).toEqual(range(numbers!.length));
});

it('delivers what is left of a producer that is said to be gone, and then watches its ring no more', async () => {
  const edge = new Edge();
  const buffer = createMemory(true, 64 * 1024) as SharedArrayBuffer;
  const { push } = createRingProducer(buffer);
  const [span] = fc.sample(arbitrarySpan, { seed: 5, numRuns: 1 });
  const record = (number: number) => push({ ...toRecordable({ ...span!, name: `0 ${number}` }) } as OpenRecordable);
  createProducerHost(config, buffer, edge.send, null);
  record(0);
  markLeft(buffer);
  while ((edge.arrived[0]?.length ?? 0) < 1) await new Promise((resolve) => setTimeout(resolve, 10));
  // It looks five times a second while there may be something.
  await new Promise((resolve) => setTimeout(resolve, 300));
  record(1);
  Atomics.notify(headerOf(buffer), WORD_HEAD);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect([edge.arrived[0], createRing(buffer).usedBytes > 0]).toEqual([[0], true]);
});
