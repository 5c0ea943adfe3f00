/**
 * Decodes one browser batch (`docs/wire-format.md`). The bytes come from anyone: every length, reference and count
 * is checked, and what the batch expands to is bounded by `MAX_BATCH_BYTES` and `MAX_BATCH_TEXT_BYTES`.
 */

import { ByteReader } from '../bytes.ts';
import { CLIENT_COUNTS, CLIENT_DROP_REASONS } from '../reasons.ts';
import type { SpanData, SpanDataAttributes, SpanDataEvent, SpanDataLink, SpanDataValue } from '../span-data.ts';
import type { Batch } from './batch.ts';
import { BatchError } from './batch-error.ts';
import {
  DEFLATED,
  GOODBYE,
  HAS_EXTRAS,
  HAS_UNSAMPLED,
  HEADER_BYTES,
  LOSS_COUNT,
  LOSS_END,
  LOSS_REASON,
  MAGIC,
  MAX_BATCH_BYTES,
  MAX_BATCH_TEXT_BYTES,
  PARENT_BACK,
  PARENT_LITERAL,
  PARENT_NONE,
  STATUS_SHIFT,
  STRING_INLINE,
  STRING_PREFIXED,
  STRING_TABLE,
  TRACE_END,
  TRACE_KNOWN,
  TRACE_NEW,
  VALUE_ARRAY,
  VALUE_DOUBLE,
  VALUE_FALSE,
  VALUE_NEGATIVE,
  VALUE_STRING,
  VALUE_TRUE,
  VALUE_UINT,
  VERSION,
} from './format.ts';
import type { SpanBody } from './span-body.ts';

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
  readonly #strings: string[] = [];
  readonly #traces: Uint8Array[] = [];
  readonly #spanIds: Uint8Array[] = [];
  #previousStartUs = 0;
  #textBytes = 0;

  constructor(payload: Uint8Array) {
    this.#reader = new ByteReader(payload, (code, offset, what) => {
      throw new BatchError(code, offset, `${what}: ${code}`);
    });
  }

  batch({ version, goodbye, hasUnsampled }: BatchHeader): Batch {
    const reader = this.#reader;
    const sentUs = reader.varint('sentUs');
    this.#previousStartUs = sentUs;
    this.#stringTable();
    const resource = this.#attributes('resource');
    const { dropped, counts } = this.#losses();
    const spans: SpanData[] = [];
    for (;;) {
      const trace = reader.varint('trace');
      if (trace === TRACE_END) break;
      spans.push(this.#span(this.#traceId(trace)));
    }
    if (reader.remaining > 0) this.#fail('trailing_bytes', `${reader.remaining} bytes after the last span`);
    return { version, sentUs, resource, goodbye, hasUnsampled, dropped, counts, spans };
  }

  #stringTable(): void {
    const end = this.#count('string table length') + this.#reader.position;
    while (this.#reader.position < end) this.#strings.push(this.#spend(this.#reader.text('string')));
    if (this.#reader.position > end) this.#fail('truncated', 'the last string is longer than the string table');
  }

  #losses(): Pick<Batch, 'dropped' | 'counts'> {
    const dropped: Record<string, number> = {};
    const counts: Record<string, number> = {};
    for (;;) {
      const loss = this.#reader.varint('loss reason');
      if (loss === LOSS_END) return { dropped, counts };
      const [names, into, first] =
        loss < LOSS_COUNT ? [CLIENT_DROP_REASONS, dropped, LOSS_REASON] : [CLIENT_COUNTS, counts, LOSS_COUNT];
      const name = names[loss - first];
      if (name === undefined) return this.#fail('bad_value', 'an unknown loss reason');
      into[name] = this.#reader.varint('loss count');
    }
  }

  #span(traceId: Uint8Array): SpanData {
    const reader = this.#reader;
    const spanId = reader.raw(8, 'span id');
    const parentSpanId = this.#parent();
    this.#spanIds.push(spanId);
    const startUs = this.#time(this.#previousStartUs, reader.zigzag('span start'), 'span start');
    this.#previousStartUs = startUs;
    const duration = reader.varint('span duration');
    const endUs = duration === 0 ? null : this.#time(startUs, duration - 1, 'span end');
    return { traceId, spanId, parentSpanId, startUs, endUs, ...this.#body(startUs) };
  }

  #traceId(trace: number): Uint8Array {
    if (trace === TRACE_NEW) this.#traces.push(this.#reader.raw(16, 'trace id'));
    const index = trace === TRACE_NEW ? this.#traces.length - 1 : trace - TRACE_KNOWN;
    return this.#traces[index] ?? this.#fail('bad_reference', `trace ${index} of ${this.#traces.length}`);
  }

  #parent(): Uint8Array | null {
    const parent = this.#reader.varint('parent');
    if (parent === PARENT_NONE) return null;
    if (parent === PARENT_LITERAL) return this.#reader.raw(8, 'parent span id');
    const back = parent - PARENT_BACK;
    return this.#spanIds[this.#spanIds.length - back] ?? this.#fail('bad_reference', `a parent ${back} spans back`);
  }

  #body(startUs: number): SpanBody {
    const reader = this.#reader;
    const head = reader.u8('span head');
    const kind = head & 7;
    const statusCode = (head >> STATUS_SHIFT) & 3;
    if (kind > 5) this.#fail('bad_value', `span kind ${kind}`);
    if (statusCode > 2) this.#fail('bad_value', `status code ${statusCode}`);
    if (head > 63) this.#fail('bad_flags', 'unknown bits in a span head');
    const flags = reader.varint('span flags');
    if (flags > 0xffffffff) this.#fail('bad_value', `span flags ${flags}`);
    const scope = this.#string('scope');
    const name = this.#string('span name');
    const attributes = this.#attributes('span attributes');
    const hasExtras = (head & HAS_EXTRAS) !== 0;
    return {
      name,
      kind,
      flags,
      scope,
      statusCode,
      attributes,
      statusMessage: hasExtras ? this.#string('status message') : '',
      traceState: hasExtras ? this.#string('tracestate') : '',
      events: hasExtras ? this.#events(startUs) : [],
      links: hasExtras ? this.#links() : [],
      droppedAttributes: hasExtras ? reader.varint('dropped attributes') : 0,
      droppedEvents: hasExtras ? reader.varint('dropped events') : 0,
      droppedLinks: hasExtras ? reader.varint('dropped links') : 0,
    };
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
      const key = this.#string(what);
      const type = this.#reader.u8('value type');
      attributes.push([key, type === VALUE_ARRAY ? this.#array() : this.#scalar(type)]);
    }
    return attributes;
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
    const reference = this.#reader.varint(what);
    if (reference === STRING_INLINE) return this.#spend(this.#reader.text(what));
    if (reference === STRING_PREFIXED)
      return this.#spend(this.#tableString(this.#reader.varint(what), what) + this.#reader.text(what));
    return this.#spend(this.#tableString(reference - STRING_TABLE, what));
  }

  #tableString(index: number, what: string): string {
    return this.#strings[index] ?? this.#fail('bad_reference', `${what}: string ${index} of ${this.#strings.length}`);
  }

  /** Counts text that is used, and refuses what expands beyond the limit. */
  #spend(text: string): string {
    this.#textBytes += text.length;
    if (this.#textBytes > MAX_BATCH_TEXT_BYTES) this.#fail('too_large', 'the strings expand beyond the limit');
    return text;
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

  #fail(code: BatchError['code'], message: string): never {
    throw new BatchError(code, this.#reader.position, message);
  }
}
