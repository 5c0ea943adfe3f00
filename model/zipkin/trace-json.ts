/**
 * Spans as Zipkin's v2 API answers them (https://zipkin.io/zipkin-api/): what `span.ts` takes in turned around, and for the rest
 * OpenTelemetry's mapping (https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/). Links have no place in it.
 */

import type { Attributes, AttributeValue, Span } from '../span.ts';
import { serviceOf } from '../tree.ts';

export interface ZipkinJsonEndpoint {
  readonly serviceName?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly port?: number;
}

export interface ZipkinJsonSpan {
  /** 32 lower-case hex digits, or 16 where the upper half is zero. */
  readonly traceId: string;
  /** Absent on a root span. */
  readonly parentId?: string;
  readonly id: string;
  /** Absent of what is no call. */
  readonly kind?: 'CLIENT' | 'SERVER' | 'PRODUCER' | 'CONSUMER';
  readonly name?: string;
  /** Microseconds since the epoch. */
  readonly timestamp: number;
  /** Microseconds, 1 at least; absent where the end was not received. */
  readonly duration?: number;
  readonly localEndpoint: ZipkinJsonEndpoint;
  readonly remoteEndpoint?: ZipkinJsonEndpoint;
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[];
  readonly tags?: Readonly<Record<string, string>>;
  readonly debug?: true;
  readonly shared?: true;
}

const KINDS = { client: 'CLIENT', server: 'SERVER', producer: 'PRODUCER', consumer: 'CONSUMER' } as const;
/** Where a client's span names the other side, the best first. */
const REMOTE_NAMES = ['peer.service', 'server.address', 'net.peer.name', 'db.namespace', 'db.name'];
const NO_DIGITS = '0'.repeat(16);

export function toZipkinSpan(span: Span): ZipkinJsonSpan {
  const tags = new Map([...entriesOf(span.resource.attributes), ...entriesOf(span.attributes)]);
  tags.delete('service.name');
  const isDebug = takeFlag(tags, 'zipkin.debug');
  const isShared = takeFlag(tags, 'zipkin.shared');
  const localEndpoint = { serviceName: serviceOf(span), ...takeAddress(tags, 'network.local') };
  const remoteEndpoint = { ...takeRemoteName(tags, span.kind), ...takeAddress(tags, 'network.peer') };
  addStatus(tags, span);
  if (span.scope.name) tags.set('otel.scope.name', span.scope.name);
  if (span.scope.version) tags.set('otel.scope.version', span.scope.version);
  return {
    traceId: span.traceId.startsWith(NO_DIGITS) ? span.traceId.slice(16) : span.traceId,
    ...(span.parentSpanId === undefined ? {} : { parentId: span.parentSpanId }),
    id: span.spanId,
    ...(span.kind in KINDS ? { kind: KINDS[span.kind as keyof typeof KINDS] } : {}),
    ...(span.name === '' ? {} : { name: span.name }),
    timestamp: span.startUs,
    ...(span.durationUs === undefined ? {} : { duration: Math.max(1, span.durationUs) }),
    localEndpoint,
    ...(Object.keys(remoteEndpoint).length > 0 ? { remoteEndpoint } : {}),
    ...(span.events.length > 0 ? { annotations: span.events.map(toAnnotation) } : {}),
    ...(tags.size > 0 ? { tags: Object.fromEntries(tags) } : {}),
    ...(isDebug ? { debug: true } : {}),
    ...(isShared ? { shared: true } : {}),
  };
}

/** Tags are text. */
export function tagText(value: AttributeValue): string {
  if (typeof value === 'string') return value;
  return value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function entriesOf(attributes: Attributes): [string, string][] {
  return Object.entries(attributes).map(([key, value]) => [key, tagText(value)]);
}

function takeFlag(tags: Map<string, string>, key: string): boolean {
  return tags.get(key) === 'true' && tags.delete(key);
}

function takeRemoteName(tags: Map<string, string>, kind: Span['kind']): ZipkinJsonEndpoint {
  const peer = tags.get('peer.service');
  tags.delete('peer.service');
  if (peer) return { serviceName: peer };
  // A server's own address is no other side.
  if (kind !== 'client' && kind !== 'producer') return {};
  const serviceName = REMOTE_NAMES.map((key) => tags.get(key)).find((name) => name);
  return serviceName === undefined ? {} : { serviceName };
}

/** Takes `….address` and `….port` from the tags where the address is one. */
function takeAddress(tags: Map<string, string>, prefix: string): ZipkinJsonEndpoint {
  const address = tags.get(`${prefix}.address`) ?? '';
  const port = tags.get(`${prefix}.port`) ?? '';
  const family = /^(\d{1,3}\.){3}\d{1,3}$/.test(address)
    ? 'ipv4'
    : /^[\da-f:]*:[\da-f:.]*$/i.test(address)
      ? 'ipv6'
      : null;
  const hasPort = /^[1-9]\d{0,4}$/.test(port);
  if (family) tags.delete(`${prefix}.address`);
  if (hasPort) tags.delete(`${prefix}.port`);
  return { ...(family ? { [family]: address } : {}), ...(hasPort ? { port: Number(port) } : {}) };
}

/** A tag `error` is a failure, whatever its value. */
function addStatus(tags: Map<string, string>, { status }: Span): void {
  if (status.code !== 'unset') tags.set('otel.status_code', status.code.toUpperCase());
  if (status.code !== 'error') tags.delete('error');
  else if (status.message !== undefined || !tags.has('error')) tags.set('error', status.message ?? '');
}

function toAnnotation({ name, timeUs, attributes }: Span['events'][number]): { timestamp: number; value: string } {
  const hasAttributes = Object.keys(attributes).length > 0;
  const value = hasAttributes ? `${JSON.stringify(name)}:${JSON.stringify(attributes)}` : name;
  return { timestamp: timeUs, value };
}
