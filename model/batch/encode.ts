/** Encodes spans as one batch (`docs/wire-format.md`). Runs in the page at exit, so it is synchronous and small. */

import { ByteWriter } from '../bytes.ts';
import { CLIENT_DROP_REASONS } from '../reasons.ts';
import type { SpanData, SpanDataAttributes, SpanDataValue } from '../span-data.ts';
import type { Batch } from './batch.ts';
import {
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
  MAGIC,
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
import { StringTable } from './string-table.ts';

export interface EncodedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many of the spans, from the first, are in it. */
  readonly spanCount: number;
}

/**
 * Encodes as many of `batch.spans`, from the first, as fit `maxBytes`. Parents before their children, in order of
 * start, encode shortest. Times are rounded to microseconds; an end before the start becomes a duration of 0.
 */
export function encodeBatch(batch: Omit<Batch, 'version'>, maxBytes = Number.POSITIVE_INFINITY): EncodedBatch {
  const encoder = new BatchEncoder(batch.sentUs);
  encoder.attributes(batch.resource);
  encoder.dropped(batch.dropped);
  // The head and the span count take at most 32 bytes.
  let spanCount = 0;
  for (const span of batch.spans) {
    if (!encoder.trySpan(span, maxBytes - 32)) break;
    spanCount++;
  }
  const flags = (batch.goodbye ? GOODBYE : 0) | (batch.hasUnsampled ? HAS_UNSAMPLED : 0);
  return { bytes: encoder.finish(flags, spanCount), spanCount };
}

class BatchEncoder {
  readonly #strings = new StringTable();
  readonly #body = new ByteWriter(4096);
  readonly #sentUs: number;
  /** Where the spans begin in the body: the resource and the loss counters stand before them. */
  #spansStart = 0;
  readonly #traces: Uint8Array[] = [];
  #trace: Uint8Array | null = null;
  /** Index of a span by the first half of its id; a collision only costs a literal parent. */
  readonly #indexById = new Map<number, number>();
  readonly #spanIds: Uint8Array[] = [];
  #previousStartUs: number;
  #scope = '';
  #flags = 0;

  constructor(sentUs: number) {
    this.#sentUs = Math.round(sentUs);
    this.#previousStartUs = this.#sentUs;
  }

  dropped(counts: Batch['dropped']): void {
    const reasons = CLIENT_DROP_REASONS.filter((reason) => (counts[reason] ?? 0) > 0);
    this.#body.varint(reasons.length);
    for (const reason of reasons) {
      this.#body.varint(CLIENT_DROP_REASONS.indexOf(reason));
      this.#body.varint(counts[reason]!);
    }
    this.#spansStart = this.#body.length;
  }

  /** False when the span does not fit `maxBytes`; nothing may be added after that. */
  trySpan(span: SpanData, maxBytes: number): boolean {
    const body = this.#body;
    const strings = this.#strings;
    const [bodyLength, mark] = [body.length, strings.mark()];
    this.#span(span);
    if (body.length + strings.bytes <= maxBytes) return true;
    body.truncate(bodyLength);
    strings.rewind(mark);
    return false;
  }

  finish(flags: number, spanCount: number): Uint8Array<ArrayBuffer> {
    const body = this.#body.written();
    const out = new ByteWriter(body.length + this.#strings.bytes + 32);
    for (const byte of MAGIC) out.u8(byte);
    out.u8(VERSION);
    out.u8(flags);
    out.varint(this.#sentUs);
    this.#strings.writeTo(out);
    out.raw(body.subarray(0, this.#spansStart));
    out.varint(spanCount);
    out.raw(body.subarray(this.#spansStart));
    return out.written().slice();
  }

  attributes(attributes: SpanDataAttributes): void {
    this.#body.varint(attributes.length);
    for (const [key, value] of attributes) {
      this.#body.varint(this.#strings.reference(key) * VALUE_TYPES + typeOf(value));
      this.#value(value);
    }
  }

  #span(span: SpanData): void {
    const body = this.#body;
    const strings = this.#strings;
    const startUs = Math.round(span.startUs);
    const sameTrace = this.#trace !== null && equal(this.#trace, span.traceId);
    const parentIndex = span.parentSpanId ? this.#find(span.parentSpanId) : -1;
    const extras = this.#extrasOf(span);
    body.u8(
      span.kind |
        (span.endUs === null ? 0 : ENDED) |
        (sameTrace ? SAME_TRACE : 0) |
        (span.parentSpanId === null ? 0 : parentIndex >= 0 ? PARENT_IN_BATCH : PARENT_LITERAL) |
        (extras === 0 ? 0 : HAS_EXTRAS),
    );
    if (extras !== 0) body.u8(extras);
    if (!sameTrace) this.#newTrace(span.traceId);
    body.raw(span.spanId);
    const index = this.#spanIds.push(span.spanId) - 1;
    if (parentIndex >= 0) body.varint(index - parentIndex);
    else if (span.parentSpanId) body.raw(span.parentSpanId);
    this.#indexById.set(firstHalf(span.spanId), index);
    body.varint(strings.reference(span.name));
    body.zigzag(startUs - this.#previousStartUs);
    this.#previousStartUs = startUs;
    if (span.endUs !== null) body.varint(Math.max(0, Math.round(span.endUs) - startUs));
    this.attributes(span.attributes);
    this.#extras(span, extras, startUs);
  }

  #newTrace(traceId: Uint8Array): void {
    this.#trace = traceId;
    const known = this.#traces.findIndex((other) => equal(other, traceId));
    this.#body.varint(known >= 0 ? known : this.#traces.length);
    if (known >= 0) return;
    this.#traces.push(traceId);
    this.#body.raw(traceId);
  }

  #extrasOf(span: SpanData): number {
    return (
      (span.statusCode === 0 && span.statusMessage === '' ? 0 : EXTRA_STATUS) |
      (span.events.length === 0 ? 0 : EXTRA_EVENTS) |
      (span.links.length === 0 ? 0 : EXTRA_LINKS) |
      (span.droppedAttributes + span.droppedEvents + span.droppedLinks === 0 ? 0 : EXTRA_DROPPED) |
      (span.traceState === '' ? 0 : EXTRA_TRACE_STATE) |
      (span.scope === this.#scope ? 0 : EXTRA_SCOPE) |
      (span.flags === this.#flags ? 0 : EXTRA_FLAGS)
    );
  }

  #extras(span: SpanData, extras: number, startUs: number): void {
    const body = this.#body;
    const strings = this.#strings;
    if (extras & EXTRA_STATUS) {
      body.varint(span.statusCode);
      body.varint(strings.reference(span.statusMessage));
    }
    if (extras & EXTRA_EVENTS) {
      body.varint(span.events.length);
      for (const event of span.events) {
        body.varint(strings.reference(event.name));
        body.zigzag(Math.round(event.timeUs) - startUs);
        this.attributes(event.attributes);
      }
    }
    if (extras & EXTRA_LINKS) {
      body.varint(span.links.length);
      for (const link of span.links) {
        body.raw(link.traceId);
        body.raw(link.spanId);
        this.attributes(link.attributes);
      }
    }
    if (extras & EXTRA_DROPPED) {
      body.varint(span.droppedAttributes);
      body.varint(span.droppedEvents);
      body.varint(span.droppedLinks);
    }
    if (extras & EXTRA_TRACE_STATE) body.varint(strings.reference(span.traceState));
    if (extras & EXTRA_SCOPE) {
      this.#scope = span.scope;
      body.varint(strings.reference(span.scope));
    }
    if (extras & EXTRA_FLAGS) {
      this.#flags = span.flags;
      body.varint(span.flags);
    }
  }

  #value(value: SpanDataValue): void {
    const body = this.#body;
    if (typeof value === 'string') body.varint(this.#strings.reference(value));
    else if (typeof value === 'number') {
      const type = typeOf(value);
      if (type === VALUE_DOUBLE) body.f64(value);
      else body.varint(Math.abs(value));
    } else if (typeof value === 'object') {
      body.varint(value.length);
      for (const item of value) {
        body.u8(typeOf(item));
        this.#value(item);
      }
    }
  }

  #find(spanId: Uint8Array): number {
    const index = this.#indexById.get(firstHalf(spanId)) ?? -1;
    return index >= 0 && equal(this.#spanIds[index]!, spanId) ? index : -1;
  }
}

function typeOf(value: SpanDataValue): number {
  if (typeof value === 'string') return VALUE_STRING;
  if (typeof value === 'boolean') return value ? VALUE_TRUE : VALUE_FALSE;
  if (typeof value === 'object') return VALUE_ARRAY;
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return VALUE_DOUBLE;
  return value < 0 ? VALUE_NEGATIVE : VALUE_UINT;
}

function firstHalf(spanId: Uint8Array): number {
  return (spanId[0]! << 24) | (spanId[1]! << 16) | (spanId[2]! << 8) | spanId[3]!;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
