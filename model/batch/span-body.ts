/**
 * Writes a span's body: all of it but ids and times. The page writes it when the span ends; the batch then takes it
 * over as it is. `decode.ts` reads it.
 */

import type { ByteWriter } from '../bytes.ts';
import type { SpanData, SpanDataAttributes, SpanDataValue } from '../span-data.ts';
import {
  HAS_EXTRAS,
  STATUS_SHIFT,
  STRING_INLINE,
  STRING_PREFIXED,
  STRING_TABLE,
  VALUE_ARRAY,
  VALUE_DOUBLE,
  VALUE_FALSE,
  VALUE_NEGATIVE,
  VALUE_STRING,
  VALUE_TRUE,
  VALUE_UINT,
} from './format.ts';

/** The part of a span that its body holds. */
export type SpanBody = Omit<SpanData, 'traceId' | 'spanId' | 'parentSpanId' | 'startUs' | 'endUs'>;

/** Finds or gives a string its number in the batch's table; -1 when it is not to be in it. */
export type FindString = (text: string) => number;

export class SpanBodyWriter {
  readonly #out: ByteWriter;
  readonly #find: FindString;

  constructor(out: ByteWriter, find: FindString) {
    this.#out = out;
    this.#find = find;
  }

  /** `startUs` is what the times of events are relative to. */
  span(span: SpanBody, startUs: number): void {
    const out = this.#out;
    const { statusMessage, traceState, events, links, droppedAttributes, droppedEvents, droppedLinks } = span;
    const hasExtras =
      statusMessage !== '' ||
      traceState !== '' ||
      events.length + links.length + droppedAttributes + droppedEvents + droppedLinks > 0;
    out.u8(span.kind | (span.statusCode << STATUS_SHIFT) | (hasExtras ? HAS_EXTRAS : 0));
    out.varint(span.flags);
    this.#string(span.scope);
    this.#string(span.name);
    this.attributes(span.attributes);
    if (!hasExtras) return;
    this.#string(statusMessage);
    this.#string(traceState);
    out.varint(events.length);
    for (const event of events) {
      this.#string(event.name);
      out.zigzag(Math.round(event.timeUs - startUs));
      this.attributes(event.attributes);
    }
    out.varint(links.length);
    for (const link of links) {
      out.raw(link.traceId);
      out.raw(link.spanId);
      this.attributes(link.attributes);
    }
    out.varint(droppedAttributes);
    out.varint(droppedEvents);
    out.varint(droppedLinks);
  }

  attributes(attributes: SpanDataAttributes): void {
    this.#out.varint(attributes.length);
    for (const [key, value] of attributes) {
      this.#string(key);
      this.#value(value);
    }
  }

  #value(value: SpanDataValue): void {
    const out = this.#out;
    if (typeof value === 'string') {
      out.u8(VALUE_STRING);
      this.#string(value);
    } else if (typeof value === 'boolean') {
      out.u8(value ? VALUE_TRUE : VALUE_FALSE);
    } else if (typeof value === 'object') {
      out.u8(VALUE_ARRAY);
      out.varint(value.length);
      for (const item of value) this.#value(item);
    } else if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      out.u8(value < 0 ? VALUE_NEGATIVE : VALUE_UINT);
      out.varint(Math.abs(value));
    } else {
      out.u8(VALUE_DOUBLE);
      out.f64(value);
    }
  }

  #string(text: string): void {
    const out = this.#out;
    const known = this.#find(text);
    if (known >= 0) {
      out.varint(STRING_TABLE + known);
      return;
    }
    // The URLs of a page's resources differ in their last part.
    const cut = text.lastIndexOf('/') + 1;
    const prefix = cut > 0 ? this.#find(text.slice(0, cut)) : -1;
    if (prefix >= 0) {
      out.varint(STRING_PREFIXED);
      out.varint(prefix);
    } else out.varint(STRING_INLINE);
    out.text(prefix >= 0 ? text.slice(cut) : text);
  }
}
