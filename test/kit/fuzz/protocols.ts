/** Everything that can be sent to the edge: how it is made, broken, and read by another decoder than the edge's. */

import { inflateSync } from 'node:zlib';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { decodeBatch, parseBatchHeader } from '../../../model/batch/decode.ts';
import { formatHex } from '../../../model/ids.ts';
import { SpanSchema, TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { arbitraryBatch } from '../../model/batch/arbitrary-batch.ts';
import { tracesData } from '../../model/otlp/arbitrary.ts';
import { toJson } from '../../model/otlp/to-json.ts';
import { recordBatch } from '../recorded-batch.ts';
import { mutateBytes, mutateJson } from './mutate.ts';

/** Ids in hex. */
export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
}

export interface FuzzProtocol {
  /** As `/metrics` names it. */
  readonly name: string;
  readonly path: string;
  readonly type: string;
  /** Valid bodies. */
  samples(seed: number, count: number): Uint8Array[];
  mutate(body: Uint8Array, random: () => number): Uint8Array;
  /** The spans of a body that was taken, wrong ones included. */
  spansOf(body: Uint8Array): SentSpan[];
  /** How many of them were rejected, by the answer. */
  rejectedOf(answer: Uint8Array): number;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A span that is broken by itself is one all the same. */
function otlpSpans(body: Uint8Array): SentSpan[] {
  const children = (bytes: Uint8Array, field: number) => {
    const reader = new BinaryReader(bytes);
    const found: Uint8Array[] = [];
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      if (number === field && type === WireType.LengthDelimited) found.push(reader.bytes());
      else reader.skip(type, number);
    }
    return found;
  };
  // resource_spans, scope_spans, spans
  return children(body, 1)
    .flatMap((resourceSpans) => children(resourceSpans, 2))
    .flatMap((scopeSpans) => children(scopeSpans, 2))
    .map((bytes) => {
      try {
        const { traceId, spanId } = fromBinary(SpanSchema, bytes);
        return { traceId: formatHex(traceId), spanId: formatHex(spanId) };
      } catch {
        return { traceId: '', spanId: '' };
      }
    });
}

const OTLP_PROTOBUF: FuzzProtocol = {
  name: 'otlp_protobuf',
  path: '/v1/traces',
  type: 'application/x-protobuf',
  samples: (seed, numRuns) =>
    fc.sample(tracesData, { seed, numRuns }).map((message) => toBinary(TracesDataSchema, message)),
  mutate: mutateBytes,
  spansOf: otlpSpans,
  // ExportTraceServiceResponse: a partial success in field 1, in it a varint in field 1.
  rejectedOf: (answer) => {
    if (answer.length === 0) return 0;
    const start = 1 + answer.subarray(1).findIndex((byte) => byte < 0x80) + 1;
    let rejected = 0;
    for (let at = start + 1, shift = 0; ; at++, shift += 7) {
      rejected |= (answer[at]! & 0x7f) << shift;
      if (answer[at]! < 0x80) return rejected;
    }
  },
};

const OTLP_JSON: FuzzProtocol = {
  name: 'otlp_json',
  path: '/v1/traces',
  type: 'application/json',
  samples: (seed, numRuns) =>
    fc
      .sample(tracesData, { seed, numRuns })
      .map((message) => new TextEncoder().encode(JSON.stringify(toJson(message)))),
  mutate: mutateJson,
  spansOf: (body) => {
    const list = (value: unknown) => (value ?? []) as Record<string, unknown>[];
    return list(JSON.parse(text(body)).resourceSpans).flatMap(({ scopeSpans }) =>
      list(scopeSpans).flatMap(({ spans }) =>
        list(spans).map(({ traceId, spanId }) => ({
          traceId: String(traceId).toLowerCase(),
          spanId: String(spanId).toLowerCase(),
        })),
      ),
    );
  },
  rejectedOf: (answer) => Number(JSON.parse(text(answer)).partialSuccess?.rejectedSpans ?? 0),
};

const BATCH: FuzzProtocol = {
  name: 'batch',
  path: '/v1/batch',
  type: 'text/plain',
  // Fewer: each needs a ring to be recorded in, and has up to thirty traces to be read back.
  samples: (seed, count) =>
    fc.sample(arbitraryBatch, { seed, numRuns: count / 4 }).map((batch) => recordBatch(batch).bytes),
  mutate: mutateBytes,
  spansOf: (body) => {
    const { deflated, payload } = parseBatchHeader(body);
    const { spans } = decodeBatch(body, deflated ? inflateSync(payload) : undefined);
    return spans.map(({ traceId, spanId }) => ({ traceId: formatHex(traceId), spanId: formatHex(spanId) }));
  },
  rejectedOf: (answer) => (JSON.parse(text(answer)) as { rejected: number }).rejected,
};

export const FUZZ_PROTOCOLS: readonly FuzzProtocol[] = [OTLP_PROTOBUF, OTLP_JSON, BATCH];
