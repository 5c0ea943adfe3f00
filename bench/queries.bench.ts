/**
 * How long answers take with 10,000, 100,000 and 1,000,000 stored traces of one day, and how they grow. One request after the other, by
 * HTTP, each with values of its own; what is stored is indexed as the cron would have done it. `TRACES=10000` for one size.
 */

import type { LocalEdge } from '../scripts/local.ts';
import { largeTrace } from '../test/kit/large-trace.ts';
import { seededRandom } from '../test/kit/random.ts';
import { randomTraceId } from '../test/kit/spans.ts';
import { edgeWith, percentile, whole, withServer } from './measure.ts';
import { oneOf, QUESTIONS, type Question } from './questions.ts';
import { storedIn } from './stored-day.ts';

const SIZES = process.env.TRACES ? process.env.TRACES.split(',').map(Number) : [10_000, 100_000, 1_000_000];
const REQUESTS = 60;

async function measure(url: string, paths: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (const path of paths) {
    const began = performance.now();
    const response = await fetch(url + path, { headers: { 'accept-encoding': 'identity' } });
    const body = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${body}`);
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b);
}

/** Ids of stored traces of 5,000 spans. */
async function writeLarge(url: string, traces: number): Promise<string[]> {
  const ids = Array.from({ length: traces }, randomTraceId);
  for (const traceId of ids) {
    for (const body of largeTrace({ traceId, spans: 5_000, startUs: 1_000 * (Date.now() - 120_000) }, 5_000)) {
      const headers = { 'content-type': 'application/x-protobuf' };
      const response = await fetch(`${url}/v1/traces`, { method: 'POST', headers, body: body.slice() });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    }
  }
  for (const traceId of ids) {
    for (let state = ''; state !== 'kept'; ) {
      const response = await fetch(`${url}/api/traces/${traceId}/timeline`);
      state = ((await response.json()) as { state: string }).state;
    }
  }
  return ids;
}

const rows = new Map<string, string[]>();
for (const traces of SIZES) {
  let server: LocalEdge | null = null;
  const start = async (stateDir: string) => {
    server = await edgeWith({ shards: 4, probability: 1, alarmMs: 100, storing: { blockMs: 0 } })(stateDir);
    return server;
  };
  await withServer(start, async (url) => {
    const written = await storedIn(server!, traces);
    const random = seededRandom(7);
    const large = await writeLarge(url, 5);
    const questions: readonly Question[] = [
      ...QUESTIONS,
      { name: 'timeline of 5,000 spans', askedMs: 60, path: () => `/api/traces/${oneOf(large, random)}/timeline` },
    ];
    for (const { name, askedMs, path } of questions) {
      const paths = Array.from({ length: REQUESTS }, () => path(random, written));
      const [first] = await measure(url, paths.slice(0, 1));
      const times = await measure(url, paths);
      const cells = rows.get(name) ?? [askedMs === null ? '' : String(askedMs)];
      const at = (p: number) => percentile(times, p).toFixed(0);
      rows.set(name, [...cells, `${at(0.5)} / ${at(0.95)} (${first!.toFixed(0)})`]);
    }
  });
}
console.log('Milliseconds: median / p95 (the first request of its kind)');
const header = ['', 'asked', ...SIZES.map(whole)];
for (const [name, ...cells] of [header, ...[...rows].map(([name, cells]) => [name, ...cells])]) {
  console.log(`${name!.padEnd(34)}${cells.map((cell, i) => cell.padStart(i === 0 ? 6 : 20)).join('')}`);
}
