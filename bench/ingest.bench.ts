/** How many spans a second the local edge takes in durably: OTLP protobuf, 32 requests in flight, 4 shards. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLocal } from '../scripts/local.ts';
import { RequestTemplate, runLoad, SPANS_PER_REQUEST } from './load.ts';

const ROUNDS = 5;
const SECONDS = 4;

const percentile = (sorted: readonly number[], p: number) => sorted[Math.floor((sorted.length - 1) * p)]!;
const median = (values: readonly number[]) =>
  percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

const bytes = new RequestTemplate().bytes.length;
console.log(`${SPANS_PER_REQUEST} spans a request, ${(bytes / SPANS_PER_REQUEST).toFixed(0)} bytes a span`);
const rates: number[] = [];
const p99s: number[] = [];
for (let round = 0; round <= ROUNDS; round++) {
  const stateDir = mkdtempSync(join(tmpdir(), 'tailrace-bench-'));
  const edge = await startLocal({ stateDir, vars: { TAILRACE_OPEN: '1' } });
  try {
    const { requests, seconds, statuses, latencies } = await runLoad(edge.url, 32, SECONDS);
    const accepted = statuses.get(200) ?? 0;
    const rate = (accepted * SPANS_PER_REQUEST) / seconds;
    const others = requests - accepted;
    // The first round warms the page cache and the JIT of this process.
    if (round > 0) {
      rates.push(rate);
      p99s.push(percentile(latencies, 0.99));
      console.log(
        `round ${round}: ${Math.round(rate).toLocaleString('en')} spans/s, p50 ${percentile(latencies, 0.5).toFixed(0)} ms, ` +
          `p99 ${percentile(latencies, 0.99).toFixed(0)} ms${others > 0 ? `, ${others} not accepted (${[...statuses].join(' ')})` : ''}`,
      );
    }
  } finally {
    await edge.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
console.log(
  `ingest: median ${Math.round(median(rates)).toLocaleString('en')} spans/s acknowledged and durable ` +
    `(${Math.round(Math.min(...rates)).toLocaleString('en')} to ${Math.round(Math.max(...rates)).toLocaleString('en')}), ` +
    `median p99 ${median(p99s).toFixed(0)} ms, ${ROUNDS} rounds of ${SECONDS} s`,
);
