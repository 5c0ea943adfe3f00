/** OTLP in protobuf and JSON, over HTTP and as Connect's unary call. */

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { formatHex } from '../../../model/ids.ts';
import { SpanSchema, type TracesData, TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { ExportTraceServiceResponseSchema } from '../../../model/otlp/gen/trace_service_pb.js';
import { tracesData } from '../../model/otlp/arbitrary.ts';
import { toJson } from '../../model/otlp/to-json.ts';
import { mutateBytes, mutateJson } from './mutate.ts';
import { type FuzzProtocol, jsonBytes, post, type SentSpan, textOf } from './protocol.ts';

export const EXPORT_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
/** Within what an edge takes in. */
export const SOME_DAY_US = 1_763_000_000_000_000;

/** Every third message has times that the edge takes. */
const messages = (seed: number, numRuns: number): TracesData[] => {
  const sample = fc.sample(tracesData, { seed, numRuns });
  for (let i = 1; i < numRuns; i += 3) {
    for (const { scopeSpans } of sample[i]!.resourceSpans) for (const { spans } of scopeSpans) spans.forEach(setTimes);
  }
  return sample;
};

function setTimes(span: TracesData['resourceSpans'][0]['scopeSpans'][0]['spans'][0], i: number): void {
  span.startTimeUnixNano = BigInt(SOME_DAY_US + i) * 1000n;
  if (span.endTimeUnixNano > 0n) span.endTimeUnixNano = span.startTimeUnixNano + (span.endTimeUnixNano % 2n ** 40n);
}

export const protobufSamples = (seed: number, count: number): Uint8Array[] =>
  messages(seed, count).map((message) => toBinary(TracesDataSchema, message));
const jsonSamples = (seed: number, count: number): Uint8Array[] =>
  messages(seed, count).map((message) => jsonBytes(toJson(message)));

/** A span that is broken by itself is one all the same. */
export function protobufSpans(body: Uint8Array): SentSpan[] {
  // resource_spans, scope_spans, spans
  return fieldsOf(body, 1)
    .flatMap((resourceSpans) => fieldsOf(resourceSpans, 2))
    .flatMap((scopeSpans) => fieldsOf(scopeSpans, 2))
    .map((bytes) => {
      try {
        const { traceId, spanId } = fromBinary(SpanSchema, bytes);
        return { traceId: formatHex(traceId), spanId: formatHex(spanId) };
      } catch {
        return { traceId: '', spanId: '' };
      }
    });
}

/** The messages in one field of a message. */
function fieldsOf(bytes: Uint8Array, field: number): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === field && type === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(type, number);
  }
  return found;
}

function jsonSpans(body: Uint8Array): SentSpan[] {
  const list = (value: unknown) => (value ?? []) as Record<string, unknown>[];
  return list(JSON.parse(textOf(body)).resourceSpans).flatMap(({ scopeSpans }) =>
    list(scopeSpans).flatMap(({ spans }) =>
      list(spans).map(({ traceId, spanId }) => ({
        traceId: String(traceId).toLowerCase(),
        spanId: String(spanId).toLowerCase(),
      })),
    ),
  );
}

export const protobufRejected = (answer: Uint8Array): number =>
  Number(fromBinary(ExportTraceServiceResponseSchema, answer).partialSuccess?.rejectedSpans ?? 0n);
const jsonRejected = (answer: Uint8Array): number =>
  Number(JSON.parse(textOf(answer)).partialSuccess?.rejectedSpans ?? 0);

const inProtobuf = (name: string, counted: string, path: string, type: string): FuzzProtocol => ({
  name,
  counted,
  samples: protobufSamples,
  mutate: mutateBytes,
  spansOf: protobufSpans,
  send: (edge, body) => post(edge, path, type, body, (answer) => ({ rejected: protobufRejected(answer) })),
});

const inJson = (name: string, counted: string, path: string): FuzzProtocol => ({
  name,
  counted,
  samples: jsonSamples,
  mutate: mutateJson,
  spansOf: jsonSpans,
  send: (edge, body) => post(edge, path, 'application/json', body, (answer) => ({ rejected: jsonRejected(answer) })),
});

export const OTLP_PROTOBUF = inProtobuf('otlp_protobuf', 'otlp_protobuf', '/v1/traces', 'application/x-protobuf');
export const OTLP_JSON = inJson('otlp_json', 'otlp_json', '/v1/traces');
export const CONNECT_PROTOBUF: FuzzProtocol = {
  ...inProtobuf('connect_protobuf', 'connect', EXPORT_PATH, 'application/proto'),
  share: 0.5,
};
export const CONNECT_JSON: FuzzProtocol = { ...inJson('connect_json', 'connect', EXPORT_PATH), share: 0.5 };
