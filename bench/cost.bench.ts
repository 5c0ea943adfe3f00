/**
 * Dollars a million spans, by the edge's own meter (`tailrace_cost_…` in `/metrics`, docs/operating.md). The load comes as it would at a million spans an
 * hour, in real time, for two minutes after a first one: alarms, buckets and blocks keep their own pace. Times 30 that is
 * an hour.
 */

import { setTimeout } from 'node:timers/promises';
import { COST_CAUSES, COST_ITEMS, costKey, dollarsOf } from '../model/costs.ts';
import { edgeWith, whole, withServer } from './measure.ts';
import { RequestTemplate } from './request-template.ts';

const SPANS_PER_HOUR = 1_000_000;
const SPANS_PER_TRACE = 20;
const WARM_SECONDS = 60;
const SECONDS = 120;
/** More than the ingest benchmark shows: 8 microseconds a span are all of workerd, objects included. */
const CPU_MS_PER_SPAN = 0.008;
const CPU_MS_PER_REQUEST = 0.5;
const CPU_MS_DOLLARS = 0.02e-6;

/** Counters by name and labels, as `/metrics` has them. */
type Counts = ReadonlyMap<string, number>;

async function readCounts(url: string): Promise<Counts> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return new Map([...text.matchAll(/^tailrace_(\S+) (\S+)$/gm)].map(([, name, value]) => [name!, Number(value)]));
}

/** All that is counted of a million spans. */
async function count(url: string, perRequest: number): Promise<Counts> {
  const options = { spans: perRequest, traces: Math.ceil(perRequest / SPANS_PER_TRACE) };
  const everyMs = (3_600_000 * perRequest) / SPANS_PER_HOUR;
  const send = async (forSeconds: number) => {
    const began = performance.now();
    for (let i = 0; i * everyMs < forSeconds * 1000; i++) {
      await setTimeout(Math.max(0, i * everyMs - (performance.now() - began)));
      const answer = await fetch(`${url}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        // Made anew for its times: spans of an hour ago would be late for the statistics' minutes.
        body: new Uint8Array(new RequestTemplate(options).next()),
      });
      await answer.arrayBuffer();
      if (answer.status !== 200) throw new Error(`a request was answered ${answer.status}`);
    }
    await setTimeout(Math.max(0, forSeconds * 1000 - (performance.now() - began)));
  };
  await send(WARM_SECONDS);
  const before = await readCounts(url);
  await send(SECONDS);
  const after = await readCounts(url);
  const factor = 1_000_000 / ((SPANS_PER_HOUR / 3600) * SECONDS);
  return new Map([...after].map(([name, value]) => [name, (value - (before.get(name) ?? 0)) * factor]));
}

function print(name: string, counts: Counts, target: number): void {
  const cpuMs = 1e6 * CPU_MS_PER_SPAN + counts.get('cost_worker_requests_total{by="worker"}')! * CPU_MS_PER_REQUEST;
  const lines: [what: string, amount: number, dollars: number][] = [['worker CPU, ms', cpuMs, cpuMs * CPU_MS_DOLLARS]];
  for (const item of COST_ITEMS) {
    for (const by of COST_CAUSES) {
      const amount = counts.get(costKey(item, by).replace('tailrace_', ''));
      if (amount) lines.push([`${item.replaceAll('_', ' ')}, ${by}`, amount, dollarsOf(item, amount)]);
    }
  }
  const total = lines.reduce((sum, [, , dollars]) => sum + dollars, 0);
  console.log(
    `${name}: $${total.toFixed(4)} a million spans (target $${target.toFixed(2)}${total <= target ? '' : ', NOT met'})`,
  );
  for (const [what, amount, dollars] of lines) {
    console.log(`  ${what.padEnd(34)} ${whole(amount).padStart(10)}  $${dollars.toFixed(4)}`);
  }
  const kept = counts.get('parts_stored_total')!;
  console.log(`  ${whole(kept)} traces were stored, ${whole(counts.get('blocks_stored_total')!)} blocks.`);
}

console.log(
  `${SPANS_PER_TRACE} spans a trace, 4 shards, a million spans an hour, 10 % kept; counted for ${SECONDS} s in real time after ${WARM_SECONDS} s, both loads at once.\n` +
    'Beacons are sent as OTLP requests of one trace; what a shard is handed is the same. CPU is a bound, not counted. Waiting for R2, D1 and disks is shorter here than there.\n' +
    `Not in it: buckets dropped after ten minutes (1 row each, about 240 an hour: $0.0002), storage, reads by people. If the 4 objects never hibernated between events,\nduration were $${dollarsOf('object_seconds', 4 * 3600).toFixed(4)}.`,
);
const run = (perRequest: number) =>
  withServer(edgeWith({ shards: 4, probability: 0.1 }), (url) => count(url, perRequest));
const [beacons, batches] = await Promise.all([run(20), run(512)]);
print('Beacons of 20 spans', beacons!, 0.1);
print('OTLP batches of 512 spans', batches!, 0.03);
