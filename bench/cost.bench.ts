/**
 * Dollars a million spans, from operations counted where they happen. The load comes as it would at a million spans an
 * hour, in real time, for two minutes after a first one: alarms, buckets and blocks keep their own pace. Times 30 that is
 * an hour.
 */

import { setTimeout } from 'node:timers/promises';
import { bundleEdge } from '../test/kit/bundle.ts';
import { edgeWith, withServer } from './measure.ts';
import { RequestTemplate } from './request-template.ts';

const SPANS_PER_HOUR = 1_000_000;
const SPANS_PER_TRACE = 20;
const WARM_SECONDS = 60;
const SECONDS = 120;
/** More than the ingest benchmark shows: 8 microseconds a span are all of workerd, objects included. */
const CPU_MS_PER_SPAN = 0.008;
const CPU_MS_PER_REQUEST = 0.5;
/** Dollars, from the price list in November 2026. */
const PRICE = {
  workerRequest: 0.3e-6,
  workerCpuMs: 0.02e-6,
  objectRequest: 0.15e-6,
  /** 128 MB for a second. */
  objectSecond: 1.6e-6,
  rowWritten: 1e-6,
  rowRead: 0.001e-6,
  r2Write: 4.5e-6,
  r2Read: 0.36e-6,
} as const;

type Counts = Record<string, number>;

/** All that is billed of so many spans. */
async function count(url: string, spans: number, perRequest: number): Promise<Counts> {
  const template = new RequestTemplate({ spans: perRequest, traces: Math.ceil(perRequest / SPANS_PER_TRACE) });
  const read = async () => (await (await fetch(`${url}/v1/counts`)).json()) as Counts;
  const everyMs = (3_600_000 * perRequest) / SPANS_PER_HOUR;
  const send = async (forSeconds: number) => {
    const began = performance.now();
    for (let i = 0; i * everyMs < forSeconds * 1000; i++) {
      await setTimeout(Math.max(0, i * everyMs - (performance.now() - began)));
      const answer = await fetch(`${url}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body: new Uint8Array(template.next()),
      });
      await answer.arrayBuffer();
      if (answer.status !== 200) throw new Error(`a request was answered ${answer.status}`);
    }
    await setTimeout(Math.max(0, forSeconds * 1000 - (performance.now() - began)));
  };
  await send(WARM_SECONDS);
  const before = await read();
  await send(SECONDS);
  const after = await read();
  const factor = spans / ((SPANS_PER_HOUR / 3600) * SECONDS);
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, (value - (before[name] ?? 0)) * factor]),
  );
}

function print(name: string, counts: Counts, target: number): void {
  const n = (key: string) => counts[key] ?? 0;
  const objectRequests = n('shardRequests') + n('alarms') + n('ledgerRequests');
  const lines: [what: string, amount: number, price: number][] = [
    ['Worker requests', n('workerRequests'), PRICE.workerRequest],
    ['Worker CPU, ms', 1e6 * CPU_MS_PER_SPAN + n('workerRequests') * CPU_MS_PER_REQUEST, PRICE.workerCpuMs],
    [`object requests (${Math.round(n('alarms'))} alarms)`, objectRequests, PRICE.objectRequest],
    ['object seconds, while an event is under way', n('busyMs') / 1000, PRICE.objectSecond],
    ['rows written by objects', n('doRowsWritten'), PRICE.rowWritten],
    ['alarms set, a row each', n('alarmsSet'), PRICE.rowWritten],
    ['rows read by objects', n('doRowsRead'), PRICE.rowRead],
    ['D1 rows written', n('d1RowsWritten'), PRICE.rowWritten],
    ['D1 rows read', n('d1RowsRead'), PRICE.rowRead],
    ['R2 writes', n('r2Writes'), PRICE.r2Write],
    ['R2 reads', n('r2Reads'), PRICE.r2Read],
  ];
  const total = lines.reduce((sum, [, amount, price]) => sum + amount * price, 0);
  console.log(
    `${name}: $${total.toFixed(4)} a million spans (target $${target.toFixed(2)}${total <= target ? '' : ', NOT met'})`,
  );
  for (const [what, amount, price] of lines) {
    console.log(
      `  ${what.padEnd(46)} ${Math.round(amount).toLocaleString('en').padStart(10)}  $${(amount * price).toFixed(4)}`,
    );
  }
  const awake = 4 * 3600 * PRICE.objectSecond;
  console.log(
    `  If the 4 objects never hibernated between events: $${awake.toFixed(4)} in place of $${((n('busyMs') / 1000) * PRICE.objectSecond).toFixed(4)} for duration.`,
  );
}

console.log(
  `${SPANS_PER_TRACE} spans a trace, 4 shards, a million spans an hour, 10 % kept; counted for ${SECONDS} s in real time after ${WARM_SECONDS} s, both loads at once.\n` +
    'Beacons are sent as OTLP requests of one trace; what a shard is handed is the same. CPU is a bound, not counted. Waiting for R2, D1 and disks is shorter here than there.\n' +
    'Not in it: buckets dropped after ten minutes (1 row each, about 240 an hour: $0.0002), storage, reads by people.',
);
const module = await bundleEdge('bench/workers/counting.ts', 'dist/bench/counting');
const run = (perRequest: number) =>
  withServer(edgeWith({ shards: 4, probability: 0.1 }, { module }), (url) => count(url, 1_000_000, perRequest));
const [beacons, batches] = await Promise.all([run(20), run(512)]);
print('Beacons of 20 spans', beacons!, 0.1);
print('OTLP batches of 512 spans', batches!, 0.03);
