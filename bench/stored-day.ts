/** A local edge with a day of stored traces, indexed and rolled up as the crons would have done it. */

import { setImmediate, setTimeout } from 'node:timers/promises';
import type { LocalEdge } from '../scripts/local.ts';
import { createD1R2Store } from '../store/d1-r2.ts';
import { seededRandom } from '../test/kit/random.ts';
import { whole } from './measure.ts';
import { HOUR_US, type WrittenTraces, writeTraces } from './stored-traces.ts';

/** Each makes 24 roll-ups of each length: of a day there are 144, 24 and 1. */
const ROLL_UP_RUNS = 8;

// What workerd has and Node has not.
Object.assign(globalThis, { scheduler: { wait: () => setImmediate() } });
Object.assign(Uint8Array.prototype, {
  toBase64(this: Uint8Array) {
    return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString('base64');
  },
});

export async function storedIn(server: LocalEdge, traces: number): Promise<WrittenTraces> {
  const { miniflare } = server;
  const db = await miniflare.getD1Database('DB', 'tailrace');
  const bucket = await miniflare.getR2Bucket('BLOCKS', 'tailrace');
  const bindings = { databases: [db as never], bucket: bucket as never, periodDays: 183 } as const;
  const store = createD1R2Store(bindings);
  const nowMs = Date.now();
  const endUs = Math.floor(nowMs / 3_600_000) * HOUR_US;
  const began = performance.now();
  const written = await writeTraces(store, traces, endUs, seededRandom(traces), () => {});
  const wroteMs = performance.now() - began;
  let steps = 0;
  while ((await store.index(nowMs)).hasMore) steps++;
  const indexedMs = performance.now() - began - wroteMs;
  // In workerd: reading rows takes what Node does not have.
  const edge = await miniflare.getWorker('tailrace');
  const runs: Promise<unknown>[] = [];
  for (let run = 0; run < ROLL_UP_RUNS; run++) {
    // Answered only when the counters have been flushed, ten seconds later.
    runs.push(edge.scheduled({ cron: '*/10 * * * *', scheduledTime: new Date(nowMs) }));
    await setTimeout(1_500);
  }
  await Promise.all(runs);
  const { objects } = await bucket.list({ prefix: 'segments/' });
  const bytes = objects.reduce((sum, { size }) => sum + size, 0);
  console.log(
    `${whole(traces)} traces: written in ${(wroteMs / 1000).toFixed(0)} s, indexed by ${steps} steps in ${(indexedMs / 1000).toFixed(0)} s: ` +
      `${objects.length} segments of ${(bytes / 2 ** 20).toFixed(1)} MiB, ${(bytes / traces).toFixed(0)} bytes a trace`,
  );
  return written;
}
