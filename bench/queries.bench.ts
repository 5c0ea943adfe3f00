/**
 * How long answers take with 10,000, 100,000 and 1,000,000 stored traces of one day, and how they grow. One request after the other, by
 * HTTP, each with values of its own; what is stored is indexed as the cron would have done it. `TRACES=10000` for one size.
 */

import { setImmediate, setTimeout } from 'node:timers/promises';
import type { LocalEdge } from '../scripts/local.ts';
import { createD1R2Store } from '../store/d1-r2.ts';
import { largeTrace } from '../test/kit/large-trace.ts';
import { seededRandom } from '../test/kit/random.ts';
import { randomTraceId } from '../test/kit/spans.ts';
import { edgeWith, percentile, whole, withServer } from './measure.ts';
import { REGIONS, SERVICES, USERS, type WrittenTraces, writeTraces } from './stored-traces.ts';

const SIZES = process.env.TRACES ? process.env.TRACES.split(',').map(Number) : [10_000, 100_000, 1_000_000];
const REQUESTS = 60;
/** Each makes 24 roll-ups of each length: of a day there are 144, 24 and 1. */
const ROLL_UP_RUNS = 8;
const HOUR_US = 3_600_000_000;

// What workerd has and Node has not.
Object.assign(globalThis, { scheduler: { wait: () => setImmediate() } });
Object.assign(Uint8Array.prototype, {
  toBase64(this: Uint8Array) {
    return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString('base64');
  },
});

interface Question {
  readonly name: string;
  /** What is asked of p95, in milliseconds. */
  readonly askedMs: number | null;
  readonly path: (random: () => number, written: WrittenTraces) => string;
}

const oneOf = <T>(list: readonly T[], random: () => number) => list[Math.floor(random() * list.length)]!;
const day = ({ startUs, endUs }: WrittenTraces) => `start=${startUs}&end=${endUs}`;
const line = (text: string) => `q=${encodeURIComponent(text)}`;

const QUESTIONS: readonly Question[] = [
  { name: 'trace by id', askedMs: 40, path: (random, { sample }) => `/api/traces/${oneOf(sample, random)}` },
  {
    name: 'service and an hour, first page',
    askedMs: 60,
    path: (random, { startUs }) => {
      const from = startUs + Math.floor(random() * 23) * HOUR_US;
      return `/api/traces?service=${oneOf(SERVICES, random)}&start=${from}&end=${from + HOUR_US}`;
    },
  },
  {
    name: 'any attribute, a day',
    askedMs: 300,
    path: (random, written) => `/api/traces?${line(`user.id=user-${Math.floor(random() * USERS)}`)}&${day(written)}`,
  },
  {
    name: 'numeric range, 0.5 %, a day',
    askedMs: 300,
    path: (random, written) => {
      const from = Math.floor(random() * 990);
      return `/api/traces?${line(`cart.value>=${from} cart.value<${from + 5}`)}&${day(written)}`;
    },
  },
  {
    name: 'numeric range, half, a day',
    askedMs: 300,
    path: (random, written) => `/api/traces?${line(`cart.value>${(400 + random() * 200).toFixed(2)}`)}&${day(written)}`,
  },
  {
    name: 'three conditions, a day',
    askedMs: 300,
    path: (random, written) => {
      const conditions = `service=${oneOf(SERVICES, random)} http.response.status_code>=500 cloud.region=${oneOf(REGIONS, random)}`;
      return `/api/traces?${line(conditions)}&${day(written)}`;
    },
  },
  {
    name: 'count of three conditions, a day',
    askedMs: 200,
    path: (random, written) => {
      const conditions = `service=${oneOf(SERVICES, random)} http.response.status_code>=500 cloud.region=${oneOf(REGIONS, random)}`;
      return `/api/traces/count?${line(conditions)}&${day(written)}`;
    },
  },
  {
    name: 'count of a service, a day',
    askedMs: 200,
    path: (random, written) => `/api/traces/count?service=${oneOf(SERVICES, random)}&${day(written)}`,
  },
  { name: 'dependency graph of a day', askedMs: 80, path: (_, written) => `/api/dependencies?${day(written)}` },
  {
    name: 'slowest of a service, a day',
    askedMs: null,
    path: (random, written) => `/api/traces?service=${oneOf(SERVICES, random)}&order=slowest&${day(written)}`,
  },
  {
    name: 'heat map of a service, a day',
    askedMs: null,
    path: (random, written) => `/api/traces/histogram?service=${oneOf(SERVICES, random)}&${day(written)}`,
  },
  {
    name: 'page of 1,000 of a service',
    askedMs: null,
    path: (random, written) => `/api/traces?service=${oneOf(SERVICES, random)}&limit=1000&${day(written)}`,
  },
];

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

async function storedIn(server: LocalEdge, traces: number): Promise<WrittenTraces> {
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
