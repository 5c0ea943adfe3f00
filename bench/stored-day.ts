/** A local edge with a day of stored traces, indexed and rolled up as the crons would have done it. */

import { setImmediate } from 'node:timers/promises';
import type { LocalEdge } from '../scripts/local.ts';
import { createD1R2Store } from '../store/d1-r2.ts';
import { rollUpStatistics } from '../store/roll-up.ts';
import { seededRandom } from '../test/kit/random.ts';
import { whole } from './measure.ts';
import { HOUR_US, type WrittenTraces, writeTraces } from './stored-traces.ts';

const MAX_ROLL_UPS = 200;

// What workerd has and Node has not.
Object.assign(globalThis, { scheduler: { wait: () => setImmediate() } });
Object.assign(Uint8Array, {
  fromBase64: (text: string) => new Uint8Array(Buffer.from(text, 'base64')),
  fromHex: (text: string) => new Uint8Array(Buffer.from(text, 'hex')),
});
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
  while ((await rollUpStatistics(store, nowMs, MAX_ROLL_UPS)) > 0);
  const { objects } = await bucket.list({ prefix: 'segments/' });
  const bytes = objects.reduce((sum, { size }) => sum + size, 0);
  console.log(
    `${whole(traces)} traces: written in ${(wroteMs / 1000).toFixed(0)} s, indexed by ${steps} steps in ${(indexedMs / 1000).toFixed(0)} s: ` +
      `${objects.length} segments of ${(bytes / 2 ** 20).toFixed(1)} MiB, ${(bytes / traces).toFixed(0)} bytes a trace`,
  );
  return written;
}
