/** Does one kind of work on the body of a request again and again, in workerd: what the door does of it, and what others' decoders do. */

import { fromBinary } from '@bufbuild/protobuf';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { parseConfig } from '../../durable-objects/config.ts';
import { AppendFrameWriter } from '../../model/append-frame.ts';
import { decodeBatch } from '../../model/batch/decode.ts';
import { formatHex } from '../../model/ids.ts';
import { applyRules } from '../../model/otlp/apply-rules.ts';
import { checkTimes } from '../../model/otlp/check-times.ts';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { TracesDataSchema } from '../../model/otlp/gen/trace_pb.js';
import { encodeJsonTraces } from '../../model/otlp/json.ts';
import { scanTraces } from '../../model/otlp/scan.ts';
import { groupByTrace } from '../../model/otlp/slice.ts';
import { REQUEST_LIMITS, type SpanTable } from '../../model/otlp/span-table.ts';
import { ownerOf, slotOf } from '../../model/routing.ts';
import { rulesOf } from '../../worker/ingest/rules.ts';

export { Control, Ledger, TraceShard } from '../../worker/index.ts';

const SHARDS = 4;
const CONFIG = parseConfig('{}');
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
const writers = Array.from({ length: SHARDS }, () => new AppendFrameWriter());

function slice(table: SpanTable): number {
  const { count, rows, starts } = groupByTrace(table);
  for (let trace = 0; trace < count; trace++) {
    const from = starts[trace]!;
    const writer = writers[ownerOf(slotOf(table.bytes, table.traceIdAt[rows[from]!]!), SHARDS)]!;
    writer.addSlice(table, rows, from, starts[trace + 1]!, 0);
  }
  let bytes = 0;
  for (const writer of writers) {
    bytes += writer.finish().length;
    writer.reset();
  }
  return bytes;
}

/** Spans in memory, as an OpenTelemetry SDK has them. */
function readableSpans(otlp: Uint8Array) {
  const resource = resourceFromAttributes({ 'service.name': 'checkout' });
  const time = (us: number): [number, number] => [Math.floor(us / 1e6), (us % 1e6) * 1000];
  return decodeSpans(otlp, 'kept').map((span) => ({
    ...span,
    resource,
    instrumentationScope: { name: 'http' },
    kind: 1,
    spanContext: () => ({ traceId: formatHex(new Uint8Array(16).fill(1)), spanId: span.spanId, traceFlags: 1 }),
    startTime: time(span.startUs),
    endTime: time(span.startUs + 12_500),
    duration: time(12_500),
    status: { code: 0 },
    attributes: { ...span.attributes },
    events: [],
    links: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }));
}

/** Each gives a number that depends on all it did. */
const WORK: Readonly<Record<string, (body: Uint8Array) => () => number>> = {
  scan: (body) => () => scanTraces(body, REQUEST_LIMITS).count,
  slice: (body) => () => slice(scanTraces(body, REQUEST_LIMITS)),
  rules: (body) => () => {
    const table = scanTraces(body, REQUEST_LIMITS);
    checkTimes(table, 0, 4e15);
    applyRules(table, rulesOf(CONFIG, {}));
    return slice(table);
  },
  json: (body) => () => encodeJsonTraces(JSON.parse(DECODER.decode(body))).otlp.length,
  parse: (body) => () => Object.keys(JSON.parse(DECODER.decode(body))).length,
  batch: (body) => () => {
    const { resource, spans } = decodeBatch(body);
    return encodeTracesData(resource, spans).length;
  },
  'protobuf-es': (body) => () => fromBinary(TracesDataSchema, body).resourceSpans.length,
  transformer: (body) => {
    const spans = readableSpans(body) as unknown as Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0];
    return () => ProtobufTraceSerializer.serializeRequest(spans)!.length;
  },
};

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const work = WORK[searchParams.get('work')!]!(new Uint8Array(await request.arrayBuffer()));
    let sum = 0;
    for (let round = Number(searchParams.get('rounds')); round > 0; round--) sum += work();
    return Response.json(sum);
  },
} satisfies ExportedHandler;
