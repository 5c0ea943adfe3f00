/**
 * Decodes stored OTLP into the spans the native API answers, in one walk and without messages in between: protobuf-es takes
 * several times as long. The bytes have been through `scanTraces`.
 */

import { base64Encode } from '@bufbuild/protobuf/wire';
import { isZero } from '../ids.ts';
import {
  type Attributes,
  type AttributeValue,
  SPAN_KINDS,
  type Span,
  type SpanEvent,
  type SpanLink,
  type SpanState,
  STATUS_CODES,
  type TraceState,
} from '../span.ts';
import {
  ANY_VALUE,
  ARRAY_VALUE,
  EVENT,
  KEY_VALUE,
  LINK,
  RESOURCE,
  RESOURCE_SPANS,
  SCOPE,
  SCOPE_SPANS,
  SPAN,
  STATUS,
  TRACES_DATA,
} from './fields.ts';
import { ProtoReader } from './proto-reader.ts';
import { hexText, RepeatedTexts, utf8Texts } from './repeated-texts.ts';

/**
 * The spans of `TracesData` bytes in order of start, then of appearance. A span without an end is `open` while its
 * trace is live and `abandoned` once it has been decided. Times are rounded down to microseconds.
 */
export function decodeSpans(otlp: Uint8Array, traceState: TraceState): Span[] {
  return new SpanDecoder(otlp, traceState, true).spans();
}

/** The same without the attributes of spans, events and links, which are most of the work. */
export function decodeFrames(otlp: Uint8Array, traceState: TraceState): Span[] {
  return new SpanDecoder(otlp, traceState, false).spans();
}

class SpanDecoder {
  readonly #reader: ProtoReader;
  readonly #texts: RepeatedTexts;
  readonly #ids: RepeatedTexts;
  readonly #view: DataView;
  readonly #unended: SpanState;
  readonly #withAttributes: boolean;

  constructor(otlp: Uint8Array, traceState: TraceState, withAttributes: boolean) {
    this.#reader = new ProtoReader(otlp);
    this.#texts = new RepeatedTexts(otlp, utf8Texts());
    this.#ids = new RepeatedTexts(otlp, hexText);
    this.#view = new DataView(otlp.buffer, otlp.byteOffset, otlp.byteLength);
    this.#unended = traceState === 'live' ? 'open' : 'abandoned';
    this.#withAttributes = withAttributes;
  }

  spans(): Span[] {
    const reader = this.#reader;
    const spans: Span[] = [];
    while (reader.next(reader.bytes.length)) {
      if (reader.field === TRACES_DATA.resourceSpans) this.#resourceSpans(reader.valueStart, reader.valueEnd, spans);
    }
    return spans.sort((a, b) => a.startUs - b.startUs);
  }

  /** Two walks: what the spans share may stand behind them. */
  #resourceSpans(start: number, end: number, spans: Span[]): void {
    const reader = this.#reader;
    const resource = { attributes: {} };
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === RESOURCE_SPANS.resource) {
        this.#resource(reader.valueStart, reader.valueEnd, resource.attributes);
      }
    }
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === RESOURCE_SPANS.scopeSpans) {
        this.#scopeSpans(reader.valueStart, reader.valueEnd, resource, spans);
      }
    }
  }

  /** A message that comes several times is one: what the edge adds to a resource stands beside what was sent. */
  #resource(start: number, end: number, into: Attributes): void {
    this.#reader.position = start;
    while (this.#reader.next(end)) if (this.#reader.field === RESOURCE.attributes) this.#attribute(into);
  }

  #scopeSpans(start: number, end: number, resource: Span['resource'], spans: Span[]): void {
    const reader = this.#reader;
    let scope: Span['scope'] = { name: '' };
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === SCOPE_SPANS.scope) scope = this.#scope(reader.valueStart, reader.valueEnd, scope);
    }
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === SCOPE_SPANS.spans)
        spans.push(this.#span(reader.valueStart, reader.valueEnd, resource, scope));
    }
  }

  #scope(start: number, end: number, before: Span['scope']): Span['scope'] {
    const reader = this.#reader;
    let { name, version = '' } = before;
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === SCOPE.name) name = this.#text();
      else if (reader.field === SCOPE.version) version = this.#text();
    }
    return { name, ...(version ? { version } : {}) };
  }

  #span(start: number, end: number, resource: Span['resource'], scope: Span['scope']): Span {
    const reader = this.#reader;
    const attributes: Attributes = {};
    const events: SpanEvent[] = [];
    const links: SpanLink[] = [];
    let traceId = '';
    let spanId = '';
    let parentSpanId = '';
    let traceState = '';
    let name = '';
    let kind: Span['kind'] = 'unspecified';
    let startUs = 0;
    let endUs: number | null = null;
    let status: Span['status'] = { code: 'unset' };
    let traceFlags = 0;
    reader.position = start;
    while (reader.next(end)) {
      switch (reader.field) {
        case SPAN.traceId:
          traceId = this.#id();
          break;
        case SPAN.spanId:
          spanId = this.#id();
          break;
        case SPAN.traceState:
          traceState = this.#text();
          break;
        case SPAN.parentSpanId:
          parentSpanId = this.#hasParent() ? this.#id() : '';
          break;
        case SPAN.name:
          name = this.#text();
          break;
        case SPAN.kind:
          kind = SPAN_KINDS[reader.varint] ?? 'unspecified';
          break;
        case SPAN.startTimeUnixNano:
          startUs = reader.fixed64Micros();
          break;
        case SPAN.endTimeUnixNano:
          endUs = isZero(reader.bytes, reader.valueStart, 8) ? null : reader.fixed64Micros();
          break;
        case SPAN.attributes:
          if (this.#withAttributes) this.#attribute(attributes);
          break;
        case SPAN.events:
          events.push(this.#event(reader.valueStart, reader.valueEnd));
          break;
        case SPAN.links:
          links.push(this.#link(reader.valueStart, reader.valueEnd));
          break;
        case SPAN.status:
          status = this.#status(reader.valueStart, reader.valueEnd, status);
          break;
        case SPAN.flags:
          traceFlags = reader.bytes[reader.valueStart]!;
          break;
      }
    }
    // What may be absent is added after: an object that is spread into another takes longer than all the rest.
    const span: { -readonly [Field in keyof Span]: Span[Field] } = {
      traceId,
      spanId,
      name,
      kind,
      startUs,
      state: endUs === null ? this.#unended : 'ended',
      status,
      attributes,
      events,
      links,
      resource,
      scope,
    };
    if (parentSpanId !== '') span.parentSpanId = parentSpanId;
    // A clock that was set back makes an end before the start; a duration is never negative.
    if (endUs !== null) span.durationUs = Math.max(0, endUs - startUs);
    if (traceFlags !== 0) span.traceFlags = traceFlags;
    if (traceState !== '') span.traceState = traceState;
    return span;
  }

  #hasParent(): boolean {
    const { bytes, valueStart, valueEnd } = this.#reader;
    return valueEnd - valueStart === 8 && !isZero(bytes, valueStart, 8);
  }

  #status(start: number, end: number, before: Span['status']): Span['status'] {
    const reader = this.#reader;
    let { code, message = '' } = before;
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === STATUS.code) code = STATUS_CODES[reader.varint] ?? 'unset';
      else if (reader.field === STATUS.message) message = this.#text();
    }
    return { code, ...(message ? { message } : {}) };
  }

  #event(start: number, end: number): SpanEvent {
    const reader = this.#reader;
    const attributes: Attributes = {};
    let name = '';
    let timeUs = 0;
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === EVENT.name) name = this.#text();
      else if (reader.field === EVENT.timeUnixNano) timeUs = reader.fixed64Micros();
      else if (reader.field === EVENT.attributes && this.#withAttributes) this.#attribute(attributes);
    }
    return { name, timeUs, attributes };
  }

  #link(start: number, end: number): SpanLink {
    const reader = this.#reader;
    const attributes: Attributes = {};
    let traceId = '';
    let spanId = '';
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === LINK.traceId) traceId = this.#id();
      else if (reader.field === LINK.spanId) spanId = this.#id();
      else if (reader.field === LINK.attributes && this.#withAttributes) this.#attribute(attributes);
    }
    return { traceId, spanId, attributes };
  }

  /** The KeyValue at the reader's current value; of two of a key the later one stands. */
  #attribute(into: Attributes): void {
    const reader = this.#reader;
    const end = reader.valueEnd;
    let key = '';
    let value: AttributeValue = null;
    reader.position = reader.valueStart;
    while (reader.next(end)) {
      if (reader.field === KEY_VALUE.key) key = this.#text();
      else if (reader.field === KEY_VALUE.value) value = this.#value(reader.valueStart, reader.valueEnd);
    }
    // An own property, whatever the key is.
    if (key === '__proto__') {
      Object.defineProperty(into, key, { value, writable: true, enumerable: true, configurable: true });
    } else (into as Record<string, AttributeValue>)[key] = value;
  }

  #value(start: number, end: number): AttributeValue {
    const reader = this.#reader;
    let value: AttributeValue = null;
    reader.position = start;
    while (reader.next(end)) {
      switch (reader.field) {
        case ANY_VALUE.stringValue:
          value = this.#text();
          break;
        case ANY_VALUE.boolValue:
          value = reader.varint !== 0;
          break;
        case ANY_VALUE.intValue:
          value = this.#integer();
          break;
        case ANY_VALUE.doubleValue: {
          const number = this.#view.getFloat64(reader.valueStart, true);
          value = Number.isFinite(number) ? number : String(number);
          break;
        }
        case ANY_VALUE.arrayValue:
          value = this.#list(reader.valueStart, reader.valueEnd);
          break;
        case ANY_VALUE.kvlistValue:
          value = this.#map(reader.valueStart, reader.valueEnd);
          break;
        case ANY_VALUE.bytesValue:
          value = { bytes: base64Encode(reader.bytes.subarray(reader.valueStart, reader.valueEnd)) };
          break;
      }
    }
    return value;
  }

  #list(start: number, end: number): AttributeValue[] {
    const reader = this.#reader;
    const values: AttributeValue[] = [];
    reader.position = start;
    while (reader.next(end)) {
      if (reader.field === ARRAY_VALUE.values) values.push(this.#value(reader.valueStart, reader.valueEnd));
    }
    return values;
  }

  #map(start: number, end: number): Attributes {
    const map: Attributes = {};
    this.#reader.position = start;
    while (this.#reader.next(end)) if (this.#reader.field === ARRAY_VALUE.values) this.#attribute(map);
    return map;
  }

  /** Exact; digits where a number would not be. */
  #integer(): number | string {
    const { bytes, varint, valueStart, valueEnd } = this.#reader;
    if (varint <= Number.MAX_SAFE_INTEGER) return varint;
    let integer = 0n;
    for (let at = valueEnd - 1; at >= valueStart; at--) integer = (integer << 7n) | BigInt(bytes[at]! & 0x7f);
    integer = BigInt.asIntN(64, integer);
    const number = Number(integer);
    return Number.isSafeInteger(number) ? number : integer.toString();
  }

  #id(): string {
    return this.#ids.read(this.#reader.valueStart, this.#reader.valueEnd);
  }

  #text(): string {
    return this.#texts.read(this.#reader.valueStart, this.#reader.valueEnd);
  }
}
