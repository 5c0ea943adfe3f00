/** Zipkin's v2 JSON (https://zipkin.io/zipkin-api/#/default/post_spans): an array of spans, ids in hex, times in microseconds. */

import { parseHex } from '../ids.ts';
import { MAX_SPANS_PER_REQUEST } from '../limits.ts';
import { arrayAt, JsonError, type JsonObject, objectAt } from '../otlp/json-access.ts';
import { TooManyError } from '../otlp/proto-reader.ts';
import { ResourceGroups } from '../otlp/resource-groups.ts';
import type { RejectionReason } from '../reasons.ts';
import { addZipkinSpan, isTime, type ZipkinEndpoint, type ZipkinRejection, type ZipkinSpan } from './span.ts';

/** OTLP SpanKind by Zipkin's. */
const KINDS: Readonly<Record<string, number>> = { SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 };

/** OTLP of a parsed array of spans; one that is wrong in itself is left out and listed. Throws JsonError, TooManyError. */
export function encodeZipkinJson(body: unknown): { otlp: Uint8Array; rejections: ZipkinRejection[] } {
  if (!Array.isArray(body)) throw new JsonError('the body', 'want an array of spans');
  if (body.length > MAX_SPANS_PER_REQUEST) throw new TooManyError(`more than ${MAX_SPANS_PER_REQUEST} spans`);
  const groups = new ResourceGroups();
  const rejections: ZipkinRejection[] = [];
  for (const [i, item] of body.entries()) {
    const path = `[${i}]`;
    try {
      const reason = addZipkinSpan(groups, readSpan(objectAt(item, path), path));
      if (reason) rejections.push({ reason, message: `${path}.timestamp: want microseconds since the epoch` });
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      rejections.push({ reason: error.reason, message: error.message });
    }
  }
  return { otlp: groups.encode(), rejections };
}

function readSpan(span: JsonObject, path: string): ZipkinSpan {
  const annotations = [...arrayAt(span, 'annotations', path)];
  return {
    traceId: idAt(span, 'traceId', 16, path, 'invalid_trace_id'),
    id: idAt(span, 'id', 8, path, 'invalid_span_id'),
    parentId: span.parentId ? idAt(span, 'parentId', 8, path, 'invalid_parent_span_id') : null,
    kind: kindAt(span, path),
    name: textAt(span, 'name', path),
    timestampUs: microsAt(span, 'timestamp', path),
    durationUs: microsAt(span, 'duration', path),
    localEndpoint: endpointAt(span, 'localEndpoint', path),
    remoteEndpoint: endpointAt(span, 'remoteEndpoint', path),
    annotations: annotations.map(([annotation, at]) => ({
      timestampUs: microsAt(annotation, 'timestamp', at),
      value: textAt(annotation, 'value', at),
    })),
    tags: tagsAt(span, path),
    debug: span.debug === true,
    shared: span.shared === true,
  };
}

/** Ids may be shorter than they are: leading zeros are left out, of a trace id the upper 64 bits too. */
function idAt(owner: JsonObject, key: string, length: number, path: string, reason: RejectionReason): Uint8Array {
  const text = owner[key];
  const bytes = typeof text === 'string' && text !== '' ? parseHex(text.padStart(2 * length, '0')) : null;
  if (bytes?.length !== length) throw new JsonError(`${path}.${key}`, `want up to ${2 * length} hex digits`, reason);
  return bytes;
}

function kindAt(span: JsonObject, path: string): number {
  const { kind } = span;
  if (kind == null) return 0;
  if (typeof kind !== 'string') throw new JsonError(`${path}.kind`, 'want CLIENT, SERVER, PRODUCER or CONSUMER');
  // One that is not known is none, as an enum's number would be.
  return Object.hasOwn(KINDS, kind) ? KINDS[kind]! : 0;
}

function textAt(owner: JsonObject, key: string, path: string): string {
  const text = owner[key] ?? '';
  if (typeof text !== 'string') throw new JsonError(`${path}.${key}`, 'want a string');
  return text;
}

function microsAt(owner: JsonObject, key: string, path: string): number {
  const micros = owner[key] ?? 0;
  if (typeof micros !== 'number' || !isTime(micros)) {
    throw new JsonError(`${path}.${key}`, 'want a whole number of microseconds', 'invalid_time');
  }
  return micros;
}

function endpointAt(span: JsonObject, key: string, path: string): ZipkinEndpoint | null {
  if (span[key] == null) return null;
  const at = `${path}.${key}`;
  const endpoint = objectAt(span[key], at);
  const port = endpoint.port ?? 0;
  if (typeof port !== 'number' || !Number.isInteger(port)) throw new JsonError(`${at}.port`, 'want an integer');
  return {
    serviceName: textAt(endpoint, 'serviceName', at),
    address: textAt(endpoint, 'ipv4', at) || textAt(endpoint, 'ipv6', at),
    port,
  };
}

function tagsAt(span: JsonObject, path: string): [string, string][] {
  if (span.tags == null) return [];
  return Object.entries(objectAt(span.tags, `${path}.tags`)).map(([key, value]) => {
    if (typeof value !== 'string') throw new JsonError(`${path}.tags[${JSON.stringify(key)}]`, 'want a string');
    return [key, value];
  });
}
