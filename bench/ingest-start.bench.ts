/** How long a shard takes to start with a full log: the construction of its Journal, in workerd. */

import { bundleEdge } from '../test/kit/bundle.ts';
import { edgeWith, median, whole, withServer } from './measure.ts';

const LOG_BYTES = 2 * 2 ** 30;
const STEP_BYTES = 128 * 2 ** 20;
const UNSETTLED_SPANS = 100_000;
const MAX_BUILD_SECONDS = 100;

interface Filled {
  readonly logBytes: number;
  readonly buckets: number;
  readonly liveTraces: number;
  readonly spans: number;
  readonly times: readonly number[];
}

const module = await bundleEdge('bench/workers/starting.ts', 'dist/bench/starting');
await withServer(edgeWith({}, { module }), async (url) => {
  const ask = async (query: string) => (await (await fetch(`${url}/v1/?${query}`)).json()) as Filled;
  const began = performance.now();
  let filled = await ask(`bytes=${STEP_BYTES}`);
  while (filled.logBytes < LOG_BYTES && performance.now() - began < MAX_BUILD_SECONDS * 1000) {
    filled = await ask(`bytes=${STEP_BYTES}`);
  }
  const { logBytes, buckets, liveTraces, spans, times } = await ask(`spans=${UNSETTLED_SPANS}&start`);
  console.log(
    `log of ${(logBytes / 2 ** 30).toFixed(2)} GiB in ${buckets} buckets, ${whole(spans)} unsettled spans of ${whole(liveTraces)} traces, filled in ` +
      `${((performance.now() - began) / 1000).toFixed(0)} s: a start takes ${median(times).toFixed(0)} ms (${times.map((ms) => ms.toFixed(0)).join(', ')})`,
  );
});
