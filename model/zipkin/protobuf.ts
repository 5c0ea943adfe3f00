/** Zipkin's v2 spans in protobuf (`proto/zipkin.proto`). */

import { fromBinary } from '@bufbuild/protobuf';
import { formatHex } from '../ids.ts';
import { MAX_SPANS_PER_REQUEST } from '../limits.ts';
import { ProtoError, TooManyError } from '../otlp/proto-reader.ts';
import { ResourceGroups } from '../otlp/resource-groups.ts';
import { type Endpoint, ListOfSpansSchema, type Span, Span_Kind, SpanSchema } from './gen/zipkin_pb.js';
import { addZipkinSpan, type ZipkinEndpoint, type ZipkinRejection, type ZipkinSpan } from './span.ts';

/** OTLP SpanKind by Zipkin's; those not known are none. */
const KINDS: Readonly<Record<number, number>> = {
  [Span_Kind.SERVER]: 2,
  [Span_Kind.CLIENT]: 3,
  [Span_Kind.PRODUCER]: 4,
  [Span_Kind.CONSUMER]: 5,
};

/** OTLP of a ListOfSpans; one that is wrong in itself is left out and listed. Throws ProtoError, TooManyError. */
export function encodeZipkinProtobuf(body: Uint8Array): { otlp: Uint8Array; rejections: ZipkinRejection[] } {
  const spans = readList(body);
  if (spans.length > MAX_SPANS_PER_REQUEST) throw new TooManyError(`more than ${MAX_SPANS_PER_REQUEST} spans`);
  const groups = new ResourceGroups();
  const rejections: ZipkinRejection[] = [];
  for (const [i, bytes] of spans.entries()) {
    const rejection = addSpan(groups, bytes);
    if (rejection) rejections.push({ ...rejection, message: `span ${i}: ${rejection.message}` });
  }
  return { otlp: groups.encode(), rejections };
}

function addSpan(groups: ResourceGroups, bytes: Uint8Array): ZipkinRejection | null {
  let span: Span;
  try {
    span = fromBinary(SpanSchema, bytes);
  } catch (error) {
    return { reason: 'malformed_span', message: (error as Error).message };
  }
  const { traceId, id, parentId } = span;
  if (traceId.length !== 16 && traceId.length !== 8) {
    return { reason: 'invalid_trace_id', message: 'the trace id must be 16 or 8 bytes' };
  }
  if (id.length !== 8) return { reason: 'invalid_span_id', message: 'the id must be 8 bytes' };
  if (parentId.length !== 8 && parentId.length !== 0) {
    return { reason: 'invalid_parent_span_id', message: 'the parent id must be 8 bytes, or absent' };
  }
  const reason = addZipkinSpan(groups, toZipkinSpan(span));
  return reason && { reason, message: 'the timestamp must be microseconds since the epoch' };
}

function toZipkinSpan(span: Span): ZipkinSpan {
  const traceId = new Uint8Array(16);
  traceId.set(span.traceId, 16 - span.traceId.length);
  return {
    traceId,
    id: span.id,
    parentId: span.parentId.length === 0 ? null : span.parentId,
    kind: KINDS[span.kind] ?? 0,
    name: span.name,
    timestampUs: Number(span.timestamp),
    durationUs: Number(span.duration),
    localEndpoint: span.localEndpoint ? toEndpoint(span.localEndpoint) : null,
    remoteEndpoint: span.remoteEndpoint ? toEndpoint(span.remoteEndpoint) : null,
    annotations: span.annotations.map(({ timestamp, value }) => ({ timestampUs: Number(timestamp), value })),
    tags: Object.entries(span.tags),
    debug: span.debug,
    shared: span.shared,
  };
}

function toEndpoint({ serviceName, ipv4, ipv6, port }: Endpoint): ZipkinEndpoint {
  const groups = Array.from({ length: ipv6.length / 2 }, (_, i) => formatHex(ipv6, 2 * i, 2).replace(/^0{1,3}/, ''));
  return { serviceName, address: ipv4.length > 0 ? ipv4.join('.') : groups.join(':'), port };
}

function readList(body: Uint8Array): readonly Uint8Array[] {
  try {
    return fromBinary(ListOfSpansSchema, body).spans;
  } catch (error) {
    throw new ProtoError((error as Error).message, 0);
  }
}
