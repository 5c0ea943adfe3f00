/**
 * How many spans a second the local edge takes in durably, beside what the platform can do with the same bytes in the
 * same run: OTLP protobuf, 32 requests in flight; then with more shards, and at a fixed rate.
 */

import { type BareCommit, startBare } from './bare.ts';
import { type LoadResult, runLoad, runOpenLoop } from './load.ts';
import { edgeWith, formatOthers, median, percentile, rateOf, whole, withServer } from './measure.ts';
import { RequestTemplate, SPANS_PER_REQUEST } from './request-template.ts';

const ROUNDS = 3;
const SECONDS = 5;
/** Longer than traces are waited for: decisions are part of what is measured. */
const WARM_SECONDS = 3;
const IN_FLIGHT = 32;
const OPEN_RATE = 10_000;
const OPEN_SECONDS = 10;

type Start = Parameters<typeof withServer>[0];

const measure = (start: Start) =>
  withServer(start, async (url) => {
    await runLoad(url, IN_FLIGHT, { seconds: WARM_SECONDS });
    return runLoad(url, IN_FLIGHT, { seconds: SECONDS });
  });

function describe(name: string, results: readonly LoadResult[]): number {
  const rates = results.map(rateOf);
  const rate = median(rates);
  const p99 = median(results.map(({ latencies }) => percentile(latencies, 0.99)));
  const p50 = median(results.map(({ latencies }) => percentile(latencies, 0.5)));
  console.log(
    `${name.padEnd(44)} ${whole(rate).padStart(8)} spans/s (${whole(Math.min(...rates))} to ${whole(Math.max(...rates))}), ` +
      `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms${results.map(formatOthers).join('')}`,
  );
  return rate;
}

const bare =
  (shards: number, commit: BareCommit): Start =>
  (stateDir) =>
    startBare(stateDir, shards, commit);
const bytes = new RequestTemplate().bytes.length;
console.log(
  `${SPANS_PER_REQUEST} spans a request, ${(bytes / SPANS_PER_REQUEST).toFixed(0)} bytes a span, ${IN_FLIGHT} in flight; ${ROUNDS} rounds of ` +
    `${SECONDS} s after ${WARM_SECONDS} s, one after the other in turn.\n` +
    "The load and the server share the machine. The page is left out: miniflare's router of static files costs 0.25 ms a request.\n" +
    'Bare: a Worker and Durable Objects that append the same bytes to SQLite, and nothing else.',
);
const rounds: Record<'tailrace' | BareCommit, LoadResult[]> = { tailrace: [], group: [], each: [] };
for (let round = 0; round < ROUNDS; round++) {
  rounds.each.push(await measure(bare(4, 'each')));
  rounds.tailrace.push(await measure(edgeWith({ shards: 4 })));
  rounds.group.push(await measure(bare(4, 'group')));
}
const each = describe('bare, 4 shards, a commit a request', rounds.each);
const group = describe('bare, 4 shards, group commit', rounds.group);
const tailrace = describe('Tailrace, 4 shards: durable and decided', rounds.tailrace);
console.log(
  `ratio: ${(tailrace / group).toFixed(2)} of bare with group commit, ${(tailrace / each).toFixed(2)} of bare with a commit a request`,
);
for (const shards of [16, 64]) {
  describe(`bare, ${shards} shards, group commit`, [await measure(bare(shards, 'group'))]);
  describe(`Tailrace, ${shards} shards`, [await measure(edgeWith({ shards }))]);
}
const open = await withServer(edgeWith({ shards: 4 }), async (url) => {
  await runOpenLoop(url, OPEN_RATE, WARM_SECONDS);
  return runOpenLoop(url, OPEN_RATE, OPEN_SECONDS);
});
describe(`Tailrace, 4 shards, ${whole(OPEN_RATE)} spans/s offered`, [open]);
