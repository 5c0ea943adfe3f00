/**
 * Writes a span's body: all of it but ids and times. The page writes it when the span ends; the batch then takes it
 * over as it is. `decode.ts` reads it.
 */

import type { ByteWriter } from '../bytes.ts';
import type { SpanData, SpanDataEvent, SpanDataLink, SpanDataValue } from '../span-data.ts';
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

/** Keys and values in turn: pairs would cost the page an object for each. */
export type FlatAttributes = readonly SpanDataValue[];

type Flat<T> = Omit<T, 'attributes'> & { readonly attributes: FlatAttributes };
export type BodyEvent = Flat<SpanDataEvent>;
export type BodyLink = Flat<Omit<SpanDataLink, 'traceId' | 'spanId'>> & {
  /** Trace id and span id as six big-endian words. */
  readonly ids: readonly number[];
};

/** The part of a span that its body holds. */
export type SpanBody = Omit<SpanData, 'traceId' | 'spanId' | 'parentSpanId' | 'startUs' | 'endUs'>;

/** The same as the page holds it. */
export interface FlatSpanBody extends Flat<Omit<SpanBody, 'events' | 'links'>> {
  readonly events: readonly BodyEvent[];
  readonly links: readonly BodyLink[];
}

/**
 * Finds or gives a string its number in the batch's table; -1 when it is not to be in it. `isValue`: it is a value, which
 * may be another one each time; names and keys repeat.
 */
export type FindString = (text: string, isValue: boolean) => number;

export interface SpanBodyWriter {
  /** `startUs` is what the times of events are relative to. */
  span(span: FlatSpanBody, startUs: number): void;
  attributes(attributes: FlatAttributes): void;
}

export function createSpanBodyWriter(out: ByteWriter, find: FindString): SpanBodyWriter {
  function string(text: string, isValue = false): void {
    const known = find(text, isValue);
    if (known >= 0) {
      out.varint(STRING_TABLE + known);
      return;
    }
    // The URLs of a page's resources differ in their last part.
    const cut = text.lastIndexOf('/') + 1;
    const prefix = cut > 0 ? find(text.slice(0, cut), true) : -1;
    if (prefix >= 0) {
      out.varint(STRING_PREFIXED);
      out.varint(prefix);
    } else out.varint(STRING_INLINE);
    out.text(prefix >= 0 ? text.slice(cut) : text);
  }

  function writeValue(value: SpanDataValue): void {
    if (typeof value === 'string') {
      out.u8(VALUE_STRING);
      string(value, true);
    } else if (typeof value === 'boolean') {
      out.u8(value ? VALUE_TRUE : VALUE_FALSE);
    } else if (typeof value === 'object') {
      out.u8(VALUE_ARRAY);
      out.varint(value.length);
      for (const item of value) writeValue(item);
    } else if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      out.u8(value < 0 ? VALUE_NEGATIVE : VALUE_UINT);
      out.varint(Math.abs(value));
    } else {
      out.u8(VALUE_DOUBLE);
      out.f64(value);
    }
  }

  function attributes(attributes: FlatAttributes): void {
    out.varint(attributes.length / 2);
    for (let i = 0; i < attributes.length; i += 2) {
      string(attributes[i] as string);
      writeValue(attributes[i + 1]!);
    }
  }

  return {
    attributes,
    span(span, startUs) {
      const { statusMessage, traceState, events, links } = span;
      const { droppedAttributes, droppedEvents, droppedLinks } = span;
      const dropped = droppedAttributes + droppedEvents + droppedLinks;
      const hasExtras = statusMessage || traceState || events.length + links.length + dropped > 0;
      out.u8(span.kind | (span.statusCode << STATUS_SHIFT) | (hasExtras ? HAS_EXTRAS : 0));
      out.varint(span.flags);
      string(span.scope);
      string(span.name);
      attributes(span.attributes);
      if (!hasExtras) return;
      string(statusMessage);
      string(traceState);
      out.varint(events.length);
      for (const event of events) {
        string(event.name);
        out.zigzag(Math.round(event.timeUs - startUs));
        attributes(event.attributes);
      }
      out.varint(links.length);
      for (const link of links) {
        for (const word of link.ids) out.id(word);
        attributes(link.attributes);
      }
      for (const count of [droppedAttributes, droppedEvents, droppedLinks]) out.varint(count);
    },
  };
}
