/** What it takes the built edge to answer about one stored trace: for the first time, again, and when the client has it already. */

import { setTimeout } from 'node:timers/promises';
import { childrenNamed } from '../scripts/guard.ts';
import { largeTrace } from '../test/kit/large-trace.ts';
import { randomTraceId } from '../test/kit/spans.ts';
import { cpuMs, edgeWith, percentile, whole, withServer } from './measure.ts';

const SIZES: readonly (readonly [spans: number, traces: number])[] = [
  [8, 200],
  [5_000, 40],
];
const PATHS = ['', '?format=otlp', '?format=jaeger', '/timeline'];
const CONFIG = { shards: 4, probability: 1, alarmMs: 100, storing: { blockMs: 0 } };

interface Answer {
  readonly ms: number;
  readonly bytes: number;
  readonly etag: string | null;
}

async function ask(url: string, etag?: string | null): Promise<Answer> {
  const began = performance.now();
  // What compresses answers stands before the Worker.
  const headers = { 'accept-encoding': 'identity', ...(etag ? { 'if-none-match': etag } : {}) };
  const response = await fetch(url, { headers });
  const { byteLength } = await response.arrayBuffer();
  if (response.status !== (etag ? 304 : 200)) throw new Error(`${url}: ${response.status}`);
  return { ms: performance.now() - began, bytes: byteLength, etag: response.headers.get('etag') };
}

async function store(url: string, spans: number, traces: number): Promise<string[]> {
  const ids = Array.from({ length: traces }, randomTraceId);
  for (const traceId of ids) {
    for (const body of largeTrace({ traceId, spans, startUs: 1_000 * (Date.now() - 120_000) }, 5_000)) {
      const headers = { 'content-type': 'application/x-protobuf' };
      const response = await fetch(`${url}/v1/traces`, { method: 'POST', headers, body: body.slice() });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      await response.arrayBuffer();
    }
  }
  for (const traceId of ids) {
    while ((await ask(`${url}/api/traces/${traceId}?format=otlp`)).etag === null) await setTimeout(100);
  }
  return ids;
}

function describe(name: string, answers: readonly Answer[], cpu: number): void {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (p: number) => percentile(sorted, p).toFixed(1).padStart(7);
  const each = (cpu / answers.length).toFixed(1).padStart(6);
  const bytes = whole(answers[0]!.bytes).padStart(9);
  console.log(`  ${name.padEnd(32)} p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, ${each} ms of CPU, ${bytes} bytes`);
}

console.log("CPU is workerd's, garbage collection included; the rest of the machine does not count in it.");
await withServer(edgeWith(CONFIG), async (url) => {
  const pids = await childrenNamed('workerd');
  /** One after the other. */
  const run = async (name: string, asks: readonly (() => Promise<Answer>)[]) => {
    const answers: Answer[] = [];
    const began = cpuMs(pids);
    for (const one of asks) answers.push(await one());
    describe(name, answers, cpuMs(pids) - began);
  };
  for (const [spans, traces] of SIZES) {
    const ids = await store(url, spans, traces);
    console.log(`${whole(spans)} spans, ${traces} traces`);
    for (const path of PATHS) {
      const urls = ids.map((id) => `${url}/api/traces/${id}${path}`);
      // Of large traces those in between have pushed each out of the cache.
      await run(
        `${path || 'JSON'}: one after the other`,
        urls.map((each) => () => ask(each)),
      );
      const last = urls.at(-1)!;
      const { etag } = await ask(last);
      await run(
        `${path || 'JSON'}: the same`,
        urls.map(() => () => ask(last)),
      );
      await run(
        `${path || 'JSON'}: not changed`,
        urls.map(() => () => ask(last, etag)),
      );
    }
  }
});
