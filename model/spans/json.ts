/**
 * Plain JSON spans, for senders without a tracing library: an array of spans, or `{spans, resource_attributes}`. Ids in hex,
 * times in RFC 3339, attributes as an object.
 */

import { parseHex } from '../ids.ts';
import { MAX_SPANS_PER_REQUEST } from '../limits.ts';
import { arrayAt, JsonError, type JsonObject, objectAt } from '../otlp/json-access.ts';
import { TooManyError } from '../otlp/proto-reader.ts';
import { ResourceGroups } from '../otlp/resource-groups.ts';
import type { RejectionReason } from '../reasons.ts';
import type { SpanData, SpanDataAttributes, SpanDataValue } from '../span-data.ts';

export interface SpanRejection {
  readonly reason: RejectionReason;
  /** Where and what, for example `spans[3].trace_id: want 32 hex digits`. */
  readonly message: string;
}

/** In the year 2255: microseconds beyond it are no longer exact. */
const MAX_TIME_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1000) - 1;
/** OTLP status codes: unset, ok, error. What is neither of the first two is an error of that name. */
const STATUS_CODES: Readonly<Record<string, number>> = { UNSET: 0, OK: 1, ERROR: 2 };
/** A status given as a number. */
const STATUS_NAMES = ['OK', 'ERROR', 'TIMEOUT', 'CANCELLED'];
const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

/** OTLP of a parsed body; a span that is wrong in itself is left out and listed. Throws JsonError, TooManyError. */
export function encodeJsonSpans(body: unknown): { otlp: Uint8Array; rejections: SpanRejection[] } {
  const request = Array.isArray(body) ? { spans: body } : objectAt(body, 'the body');
  const { spans } = request;
  if (!Array.isArray(spans)) throw new JsonError('spans', 'want an array');
  if (spans.length > MAX_SPANS_PER_REQUEST) throw new TooManyError(`more than ${MAX_SPANS_PER_REQUEST} spans`);
  const common = attributesAt(request, 'resource_attributes', '');
  const groups = new ResourceGroups(common);
  const rejections: SpanRejection[] = [];
  for (const [i, item] of spans.entries()) {
    const path = `spans[${i}]`;
    try {
      const span = objectAt(item, path);
      groups.add(resourceOf(span, path), readSpan(span, path));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      rejections.push({ reason: error.reason, message: error.message });
    }
  }
  return { otlp: groups.encode(), rejections };
}

/** The span's own; the later of two of a name stands. */
function resourceOf(span: JsonObject, path: string): SpanDataAttributes {
  const service = textAt(span, 'service_name', path);
  const own = attributesAt(span, 'resource_attributes', path);
  return service ? [...own, ['service.name', service]] : own;
}

function readSpan(span: JsonObject, path: string): SpanData {
  const startUs = timeAt(span, 'start_time', path);
  if (startUs === null) throw new JsonError(`${path}.start_time`, 'want an RFC 3339 time', 'invalid_time');
  return {
    traceId: idAt(span, 'trace_id', 16, path, 'invalid_trace_id'),
    spanId: idAt(span, 'span_id', 8, path, 'invalid_span_id'),
    parentSpanId: span.parent_id ? idAt(span, 'parent_id', 8, path, 'invalid_parent_span_id') : null,
    name: textAt(span, 'operation_name', path),
    kind: Math.max(0, KINDS.indexOf(textAt(span, 'kind', path).toUpperCase())),
    startUs,
    endUs: timeAt(span, 'end_time', path),
    flags: 0,
    traceState: '',
    ...statusAt(span, path),
    attributes: attributesAt(span, 'attributes', path),
    events: [...arrayAt(span, 'events', path)].map(([event, at]) => ({
      name: textAt(event, 'name', at),
      timeUs: timeAt(event, 'timestamp', at) ?? startUs,
      attributes: attributesAt(event, 'attributes', at),
    })),
    links: [],
    scope: '',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  };
}

function idAt(owner: JsonObject, key: string, length: number, path: string, reason: RejectionReason): Uint8Array {
  const text = owner[key];
  const bytes = typeof text === 'string' ? parseHex(text) : null;
  if (bytes?.length !== length) throw new JsonError(`${path}.${key}`, `want ${2 * length} hex digits`, reason);
  return bytes;
}

function textAt(owner: JsonObject, key: string, path: string): string {
  const text = owner[key] ?? '';
  if (typeof text !== 'string') throw new JsonError(`${path}.${key}`, 'want a string');
  return text;
}

/** Microseconds; null where there is no time, or the zero time that some languages write for none. */
function timeAt(owner: JsonObject, key: string, path: string): number | null {
  const text = textAt(owner, key, path);
  if (text === '' || text.startsWith('0001-01-01T00:00:00')) return null;
  // Date has milliseconds only.
  const [, seconds, fraction = '', zone] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text) ?? [];
  const ms = Date.parse(`${seconds}${zone}`);
  if (!(ms > 0 && ms <= MAX_TIME_MS)) throw new JsonError(`${path}.${key}`, 'want an RFC 3339 time', 'invalid_time');
  return ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

function statusAt(span: JsonObject, path: string): { statusCode: number; statusMessage: string } {
  if (span.status == null) return { statusCode: 0, statusMessage: '' };
  const status = objectAt(span.status, `${path}.status`);
  const { code = 'UNSET' } = status;
  const name = typeof code === 'number' ? STATUS_NAMES[code] : code;
  if (typeof name !== 'string') throw new JsonError(`${path}.status.code`, 'want OK, ERROR, TIMEOUT or CANCELLED');
  const known = STATUS_CODES[name.toUpperCase()];
  const message = textAt(status, 'message', `${path}.status`);
  return { statusCode: known ?? 2, statusMessage: message || (known === undefined ? name.toLowerCase() : '') };
}

function attributesAt(owner: JsonObject, key: string, path: string): SpanDataAttributes {
  if (owner[key] == null) return [];
  const at = path === '' ? key : `${path}.${key}`;
  return Object.entries(objectAt(owner[key], at)).map(([name, value]) => [name, toValue(value, at)]);
}

/** What OpenTelemetry's attributes have no type for is kept as the JSON it was. */
function toValue(value: unknown, path: string): SpanDataValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  const isOf = (type: string) => Array.isArray(value) && value.every((item) => typeof item === type);
  if (isOf('string') || isOf('number') || isOf('boolean')) return value as SpanDataValue;
  try {
    return JSON.stringify(value);
  } catch (error) {
    // What is read without recursion is not written so.
    if (error instanceof RangeError) throw new JsonError(path, 'nested too deeply');
    throw error;
  }
}
