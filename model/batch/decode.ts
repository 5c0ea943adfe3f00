/**
 * Decodes one browser batch (`docs/wire-format.md`). The bytes come from anyone: every length, reference and count
 * is checked, and what the batch expands to is bounded by `MAX_BATCH_BYTES` and `MAX_BATCH_TEXT_BYTES`.
 */

import { ByteReader } from '../bytes.ts';
import { CLIENT_DROP_REASONS, type ClientDropReason } from '../reasons.ts';
import type { SpanData, SpanDataAttributes, SpanDataEvent, SpanDataLink, SpanDataValue } from '../span-data.ts';
import type { Batch } from './batch.ts';
import { BatchError } from './batch-error.ts';
import {
  DEFLATED,
  ENDED,
  EXTRA_DROPPED,
  EXTRA_EVENTS,
  EXTRA_FLAGS,
  EXTRA_LINKS,
  EXTRA_SCOPE,
  EXTRA_STATUS,
  EXTRA_TRACE_STATE,
  GOODBYE,
  HAS_EXTRAS,
  HAS_UNSAMPLED,
  HEADER_BYTES,
  KIND_MASK,
  MAGIC,
  MAX_BATCH_BYTES,
  MAX_BATCH_TEXT_BYTES,
  PARENT_IN_BATCH,
  PARENT_LITERAL,
  SAME_TRACE,
  VALUE_ARRAY,
  VALUE_DOUBLE,
  VALUE_FALSE,
  VALUE_NEGATIVE,
  VALUE_STRING,
  VALUE_TRUE,
  VALUE_TYPES,
  VALUE_UINT,
  VERSION,
} from './format.ts';

export interface BatchHeader {
  readonly version: number;
  /** `payload` is zlib data (RFC 1950) and must be inflated, with a cap of `MAX_BATCH_BYTES`. */
  readonly deflated: boolean;
  readonly goodbye: boolean;
  readonly hasUnsampled: boolean;
  /** What follows the header, as it was sent. */
  readonly payload: Uint8Array;
}

/** Reads the six bytes that are never compressed. Throws `BatchError`. */
export function parseBatchHeader(bytes: Uint8Array): BatchHeader {
  if (bytes.length < HEADER_BYTES) throw new BatchError('truncated', bytes.length, 'the header is cut off');
  for (const [i, byte] of MAGIC.entries()) {
    if (bytes[i] !== byte) throw new BatchError('bad_magic', i, 'not a Tailrace batch');
  }
  const version = bytes[4]!;
  if (version !== VERSION) throw new BatchError('bad_version', 4, `version ${version} is not known`);
  const flags = bytes[5]!;
  if (flags & ~(DEFLATED | GOODBYE | HAS_UNSAMPLED)) throw new BatchError('bad_flags', 5, 'unknown header flags');
  return {
    version,
    deflated: (flags & DEFLATED) !== 0,
    goodbye: (flags & GOODBYE) !== 0,
    hasUnsampled: (flags & HAS_UNSAMPLED) !== 0,
    payload: bytes.subarray(HEADER_BYTES),
  };
}

/** Decodes a batch; of a deflated one the caller passes the inflated payload. Throws `BatchError`. */
export function decodeBatch(bytes: Uint8Array, inflated?: Uint8Array): Batch {
  const header = parseBatchHeader(bytes);
  if (header.deflated && !inflated) throw new BatchError('compressed', 5, 'the payload has to be inflated first');
  const payload = inflated ?? header.payload;
  if (payload.length > MAX_BATCH_BYTES) {
    throw new BatchError('too_large', MAX_BATCH_BYTES, `a payload of ${payload.length} bytes`);
  }
  return new BatchDecoder(payload).batch(header);
}

class BatchDecoder {
  readonly #reader: ByteReader;
  readonly #strings: string[] = [''];
  readonly #traces: Uint8Array[] = [];
  readonly #spanIds: Uint8Array[] = [];
  #trace: Uint8Array | null = null;
  #previousStartUs = 0;
  #scope = '';
  #flags = 0;
  #textBytes = 0;

  constructor(payload: Uint8Array) {
    this.#reader = new ByteReader(payload, (code, offset, what) => {
      throw new BatchError(code, offset, `${what}: ${code}`);
    });
  }

  batch(header: BatchHeader): Batch {
    const reader = this.#reader;
    const sentUs = reader.varint('sentUs');
    this.#previousStartUs = sentUs;
    this.#stringTable();
    const resource = this.#attributes('resource');
    const dropped = this.#dropped();
    const count = this.#count('span count');
    const spans: SpanData[] = [];
    for (let i = 0; i < count; i++) spans.push(this.#span());
    if (reader.remaining > 0) this.#fail('trailing_bytes', `${reader.remaining} bytes after the last span`);
    const { version, goodbye, hasUnsampled } = header;
    return { version, sentUs, resource, goodbye, hasUnsampled, dropped, spans };
  }

  #stringTable(): void {
    const reader = this.#reader;
    const count = this.#count('string count');
    let previous = new Uint8Array(0);
    for (let i = 0; i < count; i++) {
      const offset = reader.position;
      const shared = reader.varint('string prefix length');
      if (shared > previous.length) this.#fail('bad_reference', 'a string shares more than the previous one has');
      const suffix = reader.raw(reader.varint('string length'), 'string');
      this.#spend(shared + suffix.length);
      const bytes = new Uint8Array(shared + suffix.length);
      bytes.set(previous.subarray(0, shared));
      bytes.set(suffix, shared);
      this.#strings.push(reader.utf8(bytes, offset, 'string'));
      previous = bytes;
    }
  }

  #dropped(): Batch['dropped'] {
    const reader = this.#reader;
    const dropped: Partial<Record<ClientDropReason, number>> = {};
    const count = this.#count('loss counter count');
    for (let i = 0; i < count; i++) {
      const reason = CLIENT_DROP_REASONS[reader.varint('loss reason')];
      if (reason === undefined) return this.#fail('bad_value', 'an unknown loss reason');
      dropped[reason] = reader.varint('loss count');
    }
    return dropped;
  }

  #span(): SpanData {
    const reader = this.#reader;
    const head = reader.u8('span head');
    const kind = head & KIND_MASK;
    if (kind > 5) this.#fail('bad_value', `span kind ${kind}`);
    const extras = head & HAS_EXTRAS ? reader.u8('span extras') : 0;
    if (extras & 128) this.#fail('bad_flags', 'unknown span extras');
    const traceId = this.#traceId(head);
    const spanId = reader.raw(8, 'span id');
    const parentSpanId = this.#parent(head);
    this.#spanIds.push(spanId);
    const name = this.#string('span name');
    const startUs = this.#time(this.#previousStartUs, reader.zigzag('span start'), 'span start');
    this.#previousStartUs = startUs;
    const endUs = head & ENDED ? this.#time(startUs, reader.varint('span duration'), 'span end') : null;
    const attributes = this.#attributes('span attributes');
    const [statusCode, statusMessage] = extras & EXTRA_STATUS ? this.#status() : [0, ''];
    const events = extras & EXTRA_EVENTS ? this.#events(startUs) : [];
    const links = extras & EXTRA_LINKS ? this.#links() : [];
    const [droppedAttributes, droppedEvents, droppedLinks] =
      extras & EXTRA_DROPPED
        ? [reader.varint('dropped attributes'), reader.varint('dropped events'), reader.varint('dropped links')]
        : [0, 0, 0];
    const traceState = extras & EXTRA_TRACE_STATE ? this.#string('tracestate') : '';
    if (extras & EXTRA_SCOPE) this.#scope = this.#string('scope');
    if (extras & EXTRA_FLAGS) this.#flags = this.#uint32('span flags');
    const scope = this.#scope;
    const flags = this.#flags;
    return {
      traceId,
      spanId,
      parentSpanId,
      name,
      kind,
      startUs,
      endUs,
      flags,
      traceState,
      statusCode,
      statusMessage,
      attributes,
      events,
      links,
      scope,
      droppedAttributes,
      droppedEvents,
      droppedLinks,
    };
  }

  #traceId(head: number): Uint8Array {
    const reader = this.#reader;
    const traces = this.#traces;
    if (head & SAME_TRACE) return this.#trace ?? this.#fail('bad_reference', 'the first span has no previous trace');
    const index = reader.varint('trace reference');
    if (index > traces.length) this.#fail('bad_reference', `trace ${index} of ${traces.length}`);
    if (index === traces.length) traces.push(reader.raw(16, 'trace id'));
    this.#trace = traces[index]!;
    return this.#trace;
  }

  #parent(head: number): Uint8Array | null {
    const reader = this.#reader;
    const spanIds = this.#spanIds;
    if (head & PARENT_LITERAL) {
      if (head & PARENT_IN_BATCH) this.#fail('bad_flags', 'a span with two parents');
      return reader.raw(8, 'parent span id');
    }
    if (!(head & PARENT_IN_BATCH)) return null;
    const back = reader.varint('parent reference');
    return spanIds[spanIds.length - back] ?? this.#fail('bad_reference', `a parent ${back} spans back`);
  }

  #status(): [number, string] {
    const code = this.#reader.varint('status code');
    if (code > 2) this.#fail('bad_value', `status code ${code}`);
    return [code, this.#string('status message')];
  }

  #events(startUs: number): SpanDataEvent[] {
    const events: SpanDataEvent[] = [];
    for (let count = this.#count('event count'); count > 0; count--) {
      const name = this.#string('event name');
      const timeUs = this.#time(startUs, this.#reader.zigzag('event time'), 'event time');
      events.push({ name, timeUs, attributes: this.#attributes('event attributes') });
    }
    return events;
  }

  #links(): SpanDataLink[] {
    const links: SpanDataLink[] = [];
    for (let count = this.#count('link count'); count > 0; count--) {
      const traceId = this.#reader.raw(16, 'link trace id');
      const spanId = this.#reader.raw(8, 'link span id');
      links.push({ traceId, spanId, attributes: this.#attributes('link attributes') });
    }
    return links;
  }

  #attributes(what: string): SpanDataAttributes {
    const attributes: [string, SpanDataValue][] = [];
    for (let count = this.#count(what); count > 0; count--) {
      const tag = this.#reader.varint(what);
      const key = this.#lookUp(Math.floor(tag / VALUE_TYPES), what);
      attributes.push([key, this.#value(tag % VALUE_TYPES)]);
    }
    return attributes;
  }

  #value(type: number): SpanDataValue {
    return type === VALUE_ARRAY ? this.#array() : this.#scalar(type);
  }

  #scalar(type: number): string | number | boolean {
    switch (type) {
      case VALUE_STRING:
        return this.#string('attribute value');
      case VALUE_TRUE:
        return true;
      case VALUE_FALSE:
        return false;
      case VALUE_UINT:
        return this.#reader.varint('attribute value');
      case VALUE_NEGATIVE:
        return -this.#reader.varint('attribute value');
      case VALUE_DOUBLE:
        return this.#reader.f64('attribute value');
      default:
        return this.#fail('bad_value', `value type ${type}`);
    }
  }

  /** All items are strings, or all are numbers, or all are booleans. */
  #array(): SpanDataValue {
    const items: (string | number | boolean)[] = [];
    for (let count = this.#count('array length'); count > 0; count--) {
      const item = this.#scalar(this.#reader.u8('array item type'));
      if (items.length > 0 && typeof items[0] !== typeof item) this.#fail('bad_value', 'an array of mixed types');
      items.push(item);
    }
    return items as string[] | number[] | boolean[];
  }

  #string(what: string): string {
    return this.#lookUp(this.#reader.varint(what), what);
  }

  #lookUp(reference: number, what: string): string {
    const text = this.#strings[reference];
    if (text === undefined)
      return this.#fail('bad_reference', `${what}: string ${reference} of ${this.#strings.length}`);
    this.#spend(text.length);
    return text;
  }

  /** Counts text that is used, and refuses what expands beyond the limit. */
  #spend(bytes: number): void {
    this.#textBytes += bytes;
    if (this.#textBytes > MAX_BATCH_TEXT_BYTES) this.#fail('too_large', 'the strings expand beyond the limit');
  }

  /** Nothing takes less than a byte, so a count beyond the bytes that are left is wrong. */
  #count(what: string): number {
    const count = this.#reader.varint(what);
    if (count > this.#reader.remaining) this.#fail('truncated', `${what} ${count}`);
    return count;
  }

  #time(baseUs: number, deltaUs: number, what: string): number {
    const us = baseUs + deltaUs;
    if (us < 0 || us > Number.MAX_SAFE_INTEGER) this.#fail('bad_value', `${what} out of range`);
    return us;
  }

  #uint32(what: string): number {
    const value = this.#reader.varint(what);
    if (value > 0xffffffff) this.#fail('bad_value', `${what} ${value}`);
    return value;
  }

  #fail(code: BatchError['code'], message: string): never {
    throw new BatchError(code, this.#reader.position, message);
  }
}
