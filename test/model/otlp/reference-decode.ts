/** Decodes stored OTLP as `decodeSpans` does, from the messages that protobuf-es makes of it. */

import { fromBinary } from '@bufbuild/protobuf';
import { formatHex, isZero } from '../../../model/ids.ts';
import { decodeAttributes } from '../../../model/otlp/attributes.ts';
import { type Span as OtlpSpan, TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { SPAN_KINDS, type Span, type SpanState, STATUS_CODES, type TraceState } from '../../../model/span.ts';

export function referenceSpans(otlp: Uint8Array, traceState: TraceState): Span[] {
  const unended: SpanState = traceState === 'live' ? 'open' : 'abandoned';
  const spans: Span[] = [];
  for (const { resource, scopeSpans } of fromBinary(TracesDataSchema, otlp).resourceSpans) {
    const resourceAttributes = { attributes: decodeAttributes(resource?.attributes ?? []) };
    for (const group of scopeSpans) {
      const scope = {
        name: group.scope?.name ?? '',
        ...(group.scope?.version ? { version: group.scope.version } : {}),
      };
      for (const span of group.spans) {
        spans.push({ ...decodeSpan(span, unended), resource: resourceAttributes, scope });
      }
    }
  }
  return spans.sort((a, b) => a.startUs - b.startUs);
}

function decodeSpan(span: OtlpSpan, unended: SpanState): Omit<Span, 'resource' | 'scope'> {
  const ended = span.endTimeUnixNano > 0n;
  const startUs = micros(span.startTimeUnixNano);
  const hasParent = span.parentSpanId.length === 8 && !isZero(span.parentSpanId, 0, 8);
  return {
    traceId: formatHex(span.traceId),
    spanId: formatHex(span.spanId),
    ...(hasParent ? { parentSpanId: formatHex(span.parentSpanId) } : {}),
    name: span.name,
    kind: SPAN_KINDS[span.kind] ?? 'unspecified',
    startUs,
    // A clock that was set back makes an end before the start; a duration is never negative.
    ...(ended ? { durationUs: Math.max(0, micros(span.endTimeUnixNano) - startUs) } : {}),
    state: ended ? 'ended' : unended,
    status: {
      code: STATUS_CODES[span.status?.code ?? 0] ?? 'unset',
      ...(span.status?.message ? { message: span.status.message } : {}),
    },
    attributes: decodeAttributes(span.attributes),
    events: span.events.map((event) => ({
      name: event.name,
      timeUs: micros(event.timeUnixNano),
      attributes: decodeAttributes(event.attributes),
    })),
    ...(span.flags & 0xff ? { traceFlags: span.flags & 0xff } : {}),
    ...(span.traceState ? { traceState: span.traceState } : {}),
    links: span.links.map((link) => ({
      traceId: formatHex(link.traceId),
      spanId: formatHex(link.spanId),
      attributes: decodeAttributes(link.attributes),
    })),
  };
}

function micros(nanos: bigint): number {
  return Number(nanos / 1000n);
}
