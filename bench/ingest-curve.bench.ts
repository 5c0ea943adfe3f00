/** Whether a span costs more as live traces, and as the log, grow. */

import { runLoad } from './load.ts';
import { edgeWith, formatOthers, metric, percentile, whole, withServer } from './measure.ts';
import { SPANS_PER_REQUEST, TRACES_PER_REQUEST } from './request-template.ts';

const IN_FLIGHT = 32;
const STEPS = [1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 150_000, 200_000];
/** Requests whose time is taken at each step. */
const SAMPLE = 250;
const LOG_BYTES = 256 * 2 ** 20;
const SHARDS = 4;
const MAX_SECONDS = 60;

/** Sends so many requests and prints what a span of them took. */
async function send(url: string, requests: number, label: string): Promise<void> {
  const result = await runLoad(url, IN_FLIGHT, { seconds: MAX_SECONDS, requests });
  const us = (result.seconds * 1e6) / (result.requests * SPANS_PER_REQUEST);
  console.log(
    `${label}: ${us.toFixed(2)} µs a span (${whole(1e6 / us)} spans/s), p99 ${percentile(result.latencies, 0.99).toFixed(0)} ms${formatOthers(result)}`,
  );
}

console.log(
  `Live traces, none decided; ${SHARDS} shards, ${SPANS_PER_REQUEST} spans over ${TRACES_PER_REQUEST} traces a request:`,
);
const patient = { shards: SHARDS, quietMs: 60_000, headlessQuietMs: 60_000, maxAgeMs: 3_600_000 };
await withServer(edgeWith(patient), async (url) => {
  await runLoad(url, IN_FLIGHT, { seconds: 5, requests: 5 });
  let live = 5 * TRACES_PER_REQUEST;
  for (const step of STEPS) {
    const sample = Math.min(SAMPLE, Math.ceil((step - live) / TRACES_PER_REQUEST));
    const before = Math.max(0, Math.ceil((step - live) / TRACES_PER_REQUEST) - sample);
    if (before > 0) await runLoad(url, IN_FLIGHT, { seconds: MAX_SECONDS, requests: before });
    live += (before + sample) * TRACES_PER_REQUEST;
    await send(url, sample, `${whole(live).padStart(8)} live traces`);
  }
  console.log(
    `         in the end ${whole(await metric(url, 'tailrace_live_traces'))} are live, ${(
      (await metric(url, 'tailrace_live_bytes')) / 2 ** 20
    ).toFixed(0)} MiB`,
  );
});

console.log(
  `The log, with a budget of ${LOG_BYTES / 2 ** 20} MiB a shard; a tenth of the traces is kept and stored meanwhile:`,
);
await withServer(edgeWith({ shards: SHARDS, log: { bytes: LOG_BYTES } }), async (url) => {
  await runLoad(url, IN_FLIGHT, { seconds: 3 });
  const began = performance.now();
  let bytes = 0;
  for (let step = 0; step < 12 && performance.now() - began < MAX_SECONDS * 1000; step++) {
    bytes = await metric(url, 'tailrace_log_bytes');
    await send(url, 1_000, `${whole(bytes / 2 ** 20 / SHARDS).padStart(8)} MiB a shard`);
  }
});
