/** A trace as `tempopb.Trace` and `tempopb.TraceByIDResponse` (https://github.com/grafana/tempo/blob/main/pkg/tempopb/tempo.proto). */

import { fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf';
import { TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { ProtoWriter } from '../../../model/otlp/proto-writer.ts';

/** Fields of TraceByIDResponse and of TraceByIDMetrics. */
const TRACE = 1;
const METRICS = 2;
const INSPECTED_BYTES = 1;

/** `tempopb.Trace` is OTLP's `TracesData` by another name. */
export function encodeTraceByIdResponse(otlp: Uint8Array): Uint8Array {
  const writer = new ProtoWriter(otlp.length + 32);
  const trace = writer.begin(TRACE);
  writer.raw(otlp);
  writer.end(trace);
  const metrics = writer.begin(METRICS);
  writer.varintField(INSPECTED_BYTES, otlp.length);
  writer.end(metrics);
  return writer.finish();
}

/** Protobuf's JSON of it: ids in base64, enums by name, 64-bit numbers as text. */
export function traceByIdJson(otlp: Uint8Array): JsonValue {
  return { trace: traceJson(otlp), metrics: { inspectedBytes: String(otlp.length) } };
}

/** The older answer has another name for what is in it. */
export function traceBatchesJson(otlp: Uint8Array): JsonValue {
  const { resourceSpans = [] } = traceJson(otlp) as { resourceSpans?: JsonValue };
  return { batches: resourceSpans };
}

function traceJson(otlp: Uint8Array): JsonValue {
  return toJson(TracesDataSchema, fromBinary(TracesDataSchema, otlp));
}
