/**
 * A span of Zipkin's v2 model (https://zipkin.io/zipkin-api/), whatever it came as, and what it is in OpenTelemetry's
 * (https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/ read backwards).
 */

import type { ResourceGroups } from '../otlp/resource-groups.ts';
import type { RejectionReason } from '../reasons.ts';
import type { SpanDataAttributes } from '../span-data.ts';

export interface ZipkinEndpoint {
  /** Empty where it is not known, as the address is. */
  readonly serviceName: string;
  readonly address: string;
  /** 0 where it is not known. */
  readonly port: number;
}

export interface ZipkinSpan {
  /** 16 bytes; ids of 64 bits stand in the last 8. */
  readonly traceId: Uint8Array;
  /** 8 bytes. */
  readonly id: Uint8Array;
  /** 8 bytes; null on a root span. */
  readonly parentId: Uint8Array | null;
  /** OTLP SpanKind. */
  readonly kind: number;
  readonly name: string;
  /** Microseconds since the Unix epoch; 0 where nobody knows. */
  readonly timestampUs: number;
  /** 0 while the span is not finished. */
  readonly durationUs: number;
  readonly localEndpoint: ZipkinEndpoint | null;
  readonly remoteEndpoint: ZipkinEndpoint | null;
  readonly annotations: readonly { readonly timestampUs: number; readonly value: string }[];
  readonly tags: readonly (readonly [key: string, value: string])[];
  /** To be kept whatever the sampling says. */
  readonly debug: boolean;
  /** The server's half of a span whose client has the same id. */
  readonly shared: boolean;
}

/** Why one span of a request is left out. */
export interface ZipkinRejection {
  readonly reason: RejectionReason;
  readonly message: string;
}

/** Times beyond what a JSON number holds are impossible. */
export const isTime = (us: number) => Number.isSafeInteger(us) && us >= 0;

const SAMPLED = 1;
const STATUS_OK = 1;
const STATUS_ERROR = 2;

/** Adds a span to those of its service. @returns why it cannot be one, or null. */
export function addZipkinSpan(groups: ResourceGroups, span: ZipkinSpan): RejectionReason | null {
  const { localEndpoint, annotations, tags, debug } = span;
  // A span that was reported in parts may have its time in its annotations alone.
  const startUs = span.timestampUs || Math.min(...annotations.map(({ timestampUs }) => timestampUs));
  const endUs = span.durationUs > 0 ? startUs + span.durationUs : null;
  if (!annotations.every(({ timestampUs }) => isTime(timestampUs))) return 'invalid_time';
  if (!isTime(startUs) || startUs === 0 || !isTime(endUs ?? 0)) return 'invalid_time';
  const service = localEndpoint?.serviceName;
  groups.add(service ? [['service.name', service]] : [], {
    traceId: span.traceId,
    spanId: span.id,
    parentSpanId: span.parentId,
    name: span.name,
    kind: span.kind,
    startUs,
    endUs,
    flags: debug ? SAMPLED : 0,
    traceState: '',
    ...statusOf(new Map(tags)),
    attributes: attributesOf(span),
    events: annotations.map(({ timestampUs, value }) => ({ name: value, timeUs: timestampUs, attributes: [] })),
    links: [],
    scope: '',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  });
  return null;
}

/** Zipkin's `error` says what went wrong; `otel.status_code` is what OpenTelemetry's exporters to Zipkin add. */
function statusOf(tags: ReadonlyMap<string, string>): { statusCode: number; statusMessage: string } {
  const error = tags.get('error');
  if (error !== undefined && error !== 'false') {
    return { statusCode: STATUS_ERROR, statusMessage: error === 'true' ? '' : error };
  }
  if (tags.get('otel.status_code') === 'ERROR') return { statusCode: STATUS_ERROR, statusMessage: '' };
  return { statusCode: tags.get('otel.status_code') === 'OK' ? STATUS_OK : 0, statusMessage: '' };
}

function attributesOf({ tags, localEndpoint, remoteEndpoint, debug, shared }: ZipkinSpan): SpanDataAttributes {
  const attributes: [string, string | number | boolean][] = tags.map(([key, value]) => [key, value]);
  if (localEndpoint?.address) attributes.push(['network.local.address', localEndpoint.address]);
  if (localEndpoint?.port) attributes.push(['network.local.port', localEndpoint.port]);
  if (remoteEndpoint?.serviceName) attributes.push(['peer.service', remoteEndpoint.serviceName]);
  if (remoteEndpoint?.address) attributes.push(['network.peer.address', remoteEndpoint.address]);
  if (remoteEndpoint?.port) attributes.push(['network.peer.port', remoteEndpoint.port]);
  if (debug) attributes.push(['zipkin.debug', true]);
  if (shared) attributes.push(['zipkin.shared', true]);
  return attributes;
}
