/** What it costs to take spans in, up to where a shard is asked: on one core, in workerd, beside other decoders of the same bytes. */

import { fromBinary } from '@bufbuild/protobuf';
import { formatHex } from '../model/ids.ts';
import { TracesDataSchema } from '../model/otlp/gen/trace_pb.js';
import { childrenNamed } from '../scripts/guard.ts';
import { bundleEdge } from '../test/kit/bundle.ts';
import { recordBatch } from '../test/kit/recorded-batch.ts';
import { cpuMs, edgeWith, percentile, whole, withServer } from './measure.ts';
import { RequestTemplate, SPANS_PER_REQUEST } from './request-template.ts';

const ROUNDS = 7;
/** One measurement takes at least so long, so that the request around it does not count. */
const LEAST_MS = 200;

/** OTLP/JSON as OpenTelemetry's exporters write it. */
function toJson(otlp: Uint8Array): string {
  return JSON.stringify(fromBinary(TracesDataSchema, otlp), (name, value) => {
    if (name === '$typeName' || name === '$unknown') return undefined;
    if (value instanceof Uint8Array) return formatHex(value);
    if (typeof value === 'bigint') return `${value}`;
    const content = (value as { value?: { case?: string; value?: unknown } } | null)?.value;
    return content?.case ? { ...value, value: { [content.case]: content.value } } : value;
  });
}

const plain = new RequestTemplate();
const urls = new RequestTemplate({ url: 'https://shop.example/api/items/7?session=4f2c' });
const json = new TextEncoder().encode(toJson(plain.next()));
const batch = recordBatch({ resource: [['service.name', 'shop']], spans: plain.spans }).bytes;
const otlp = plain.next();

const LINES: readonly (readonly [title: string, work: string, body: Uint8Array, target?: number])[] = [
  ['scan', 'scan', otlp],
  ['scan and slice', 'slice', otlp, 1_000_000],
  ['scan, default rules, slice', 'rules', otlp],
  ['the same, each span with a query to scrub', 'rules', urls.next()],
  ['OTLP/JSON to OTLP', 'json', json, 80_000],
  ['JSON.parse of the same alone', 'parse', json],
  ['browser batch to OTLP', 'batch', batch, 400_000],
  ["protobuf-es' decoder", 'protobuf-es', otlp],
  ["otlp-transformer's encoder (it has no decoder)", 'transformer', otlp],
];

const module = await bundleEdge('bench/workers/scanning.ts', 'dist/bench/scanning');
await withServer(edgeWith({}, { module }), async (url) => {
  const pids = await childrenNamed('workerd');
  /** Milliseconds of CPU that so many rounds take. */
  const measure = async (work: string, body: Uint8Array, rounds: number) => {
    const began = cpuMs(pids);
    const response = await fetch(`${url}/v1/?work=${work}&rounds=${rounds}`, { method: 'POST', body: body.slice() });
    if (!response.ok) throw new Error(`${work}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
    return cpuMs(pids) - began;
  };
  const rounds: number[] = [];
  for (const [, work, body] of LINES) {
    let count = 50;
    while ((await measure(work, body, count)) < LEAST_MS) count *= 2;
    rounds.push(count);
  }
  const rates = LINES.map((): number[] => []);
  // In turn, so that a slow moment of the machine is everybody's.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, work, body]] of LINES.entries()) {
      const ms = await measure(work, body, rounds[i]!);
      rates[i]!.push((rounds[i]! * SPANS_PER_REQUEST * 1000) / ms);
    }
  }
  console.log(
    `${SPANS_PER_REQUEST} spans a body, ${Math.round(otlp.length / SPANS_PER_REQUEST)} bytes a span as OTLP, ${Math.round(json.length / SPANS_PER_REQUEST)} as JSON, ` +
      `${Math.round(batch.length / SPANS_PER_REQUEST)} as a batch; spans a second of workerd's CPU time,\ngarbage collection included; median (least to most) of ${ROUNDS} rounds of at least ${LEAST_MS} ms, in turn. Sliced for 4 shards, heads included.`,
  );
  for (const [i, [title, , , target]] of LINES.entries()) {
    const sorted = rates[i]!.sort((a, b) => a - b);
    const spread = `(${whole(sorted[0]!)} to ${whole(sorted.at(-1)!)})`;
    const wanted = target ? `, wanted ${whole(target)}` : '';
    console.log(`${title.padEnd(47)} ${whole(percentile(sorted, 0.5)).padStart(10)} ${spread}${wanted}`);
  }
});
