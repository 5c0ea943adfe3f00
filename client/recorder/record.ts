/**
 * A record: one version of one span, open or ended, as 32-bit words in the ring. Words, because the page writes one
 * for each span; the bytes that travel are made from many at once by `model/batch`.
 *
 *     0 length in bytes   1 kind, status, ended, parent?   2 flags   3-6 trace id   7-8 span id   9-10 parent id
 *     11-12 start   13-14 end (doubles, microseconds)   then strings, attributes, events, links, dropped counts
 *
 * A string is a reference into the string area, or -1 minus its length, followed by its units, two to a word.
 */

import type {
  SpanData,
  SpanDataAttributes,
  SpanDataEvent,
  SpanDataLink,
  SpanDataValue,
} from '../../model/span-data.ts';
import type { Recordable } from './recordable.ts';
import type { StringReader, StringWriter } from './strings.ts';

const STATUS_SHIFT = 3;
const ENDED = 1 << 5;
const HAS_PARENT = 1 << 6;

/** The year 2112. Differences of such times still fit the batch format's integers. */
const MAX_TIME_US = 2 ** 52;

const STRING = 0;
const TRUE = 1;
const FALSE = 2;
const NUMBER = 3;
const ARRAY = 4;

/** A double as two words. */
const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);

export class RecordWriter {
  /** The record last written. */
  readonly words: Int32Array;
  readonly #strings: StringWriter;
  #at = 0;

  constructor(strings: StringWriter, maxWords: number) {
    this.#strings = strings;
    this.words = new Int32Array(maxWords);
  }

  /** Writes a record into `words` and returns its length in words, or 0 when the span is too large for one. */
  write(span: Recordable): number {
    const { trace } = span;
    const parent = span.parent0 !== 0 || span.parent1 !== 0;
    this.#strings.tidy();
    this.#at = 1;
    this.#put(
      span.kind | (span.statusCode << STATUS_SHIFT) | (span.endUs === null ? 0 : ENDED) | (parent ? HAS_PARENT : 0),
    );
    this.#put(trace.flags);
    for (const word of trace.words) this.#put(word);
    this.#put(span.id0);
    this.#put(span.id1);
    this.#put(span.parent0);
    this.#put(span.parent1);
    this.#time(span.startUs);
    this.#time(span.endUs ?? 0);
    this.#string(span.name);
    this.#string(span.scope);
    this.#string(span.statusMessage);
    this.#string(trace.traceState);
    this.#attributes(span.attributes);
    this.#put(span.events.length);
    for (const event of span.events) {
      this.#string(event.name);
      this.#time(event.timeUs);
      this.#attributes(event.attributes);
    }
    this.#put(span.links.length);
    for (const link of span.links) {
      for (const byte of link.traceId) this.#put(byte);
      for (const byte of link.spanId) this.#put(byte);
      this.#attributes(link.attributes);
    }
    this.#put(span.droppedAttributes);
    this.#put(span.droppedEvents);
    this.#put(span.droppedLinks);
    this.words[0] = this.#at * 4;
    return this.#at <= this.words.length ? this.#at : 0;
  }

  #attributes(attributes: SpanDataAttributes): void {
    this.#put(attributes.length);
    for (const [key, value] of attributes) {
      this.#string(key);
      this.#value(value);
    }
  }

  #value(value: SpanDataValue): void {
    if (typeof value === 'string') {
      this.#put(STRING);
      this.#string(value);
    } else if (typeof value === 'number') {
      this.#put(NUMBER);
      this.#number(value);
    } else if (typeof value === 'boolean') {
      this.#put(value ? TRUE : FALSE);
    } else {
      this.#put(ARRAY);
      this.#put(value.length);
      for (const item of value) this.#value(item);
    }
  }

  #string(text: string): void {
    const reference = this.#strings.reference(text);
    if (reference >= 0) {
      this.#put(reference);
      return;
    }
    this.#put(-1 - text.length);
    // Beyond the end there is nothing to gain: the record is too large already.
    if (this.#at + text.length / 2 > this.words.length) this.#at = this.words.length + 1;
    else for (let i = 0; i < text.length; i += 2) this.#put(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16));
  }

  #number(value: number): void {
    double[0] = value;
    this.#put(doubleWords[0]!);
    this.#put(doubleWords[1]!);
  }

  /** A time from user code may be anything; what the batch format cannot carry becomes the epoch. */
  #time(us: number): void {
    this.#number(us >= 0 && us < MAX_TIME_US ? us : 0);
  }

  /** Words beyond the end are ignored by the array and noticed in `write`. */
  #put(word: number): void {
    this.words[this.#at++] = word;
  }
}

/** Reads records out of the ring. Throws when what it finds is not a record; see `Ring.recordAt`. */
export class RecordReader {
  readonly #words: Int32Array;
  readonly #strings: StringReader;
  #at = 0;
  #end = 0;

  constructor(words: Int32Array, strings: StringReader) {
    this.#words = words;
    this.#strings = strings;
  }

  /** The span in the record that begins at `index`. */
  read(index: number): SpanData {
    this.#at = index + 1;
    this.#end = index + this.#words[index]! / 4;
    const head = this.#next();
    const flags = this.#next();
    const traceId = this.#id(4);
    const spanId = this.#id(2);
    const parentSpanId = this.#id(2);
    const startUs = this.#number();
    const endUs = this.#number();
    const name = this.#string();
    const scope = this.#string();
    const statusMessage = this.#string();
    const traceState = this.#string();
    const attributes = this.#attributes();
    const events = this.#events();
    const links = this.#links();
    return {
      traceId,
      spanId,
      parentSpanId: head & HAS_PARENT ? parentSpanId : null,
      name,
      kind: head & 7,
      startUs,
      endUs: head & ENDED ? endUs : null,
      flags,
      traceState,
      statusCode: (head >> STATUS_SHIFT) & 3,
      statusMessage,
      attributes,
      events,
      links,
      scope,
      droppedAttributes: this.#next(),
      droppedEvents: this.#next(),
      droppedLinks: this.#next(),
    };
  }

  #events(): SpanDataEvent[] {
    const events: SpanDataEvent[] = [];
    for (let count = this.#count(); count > 0; count--) {
      events.push({ name: this.#string(), timeUs: this.#number(), attributes: this.#attributes() });
    }
    return events;
  }

  #links(): SpanDataLink[] {
    const links: SpanDataLink[] = [];
    for (let count = this.#count(); count > 0; count--) {
      links.push({ traceId: this.#bytes(16), spanId: this.#bytes(8), attributes: this.#attributes() });
    }
    return links;
  }

  #attributes(): SpanDataAttributes {
    const attributes: [string, SpanDataValue][] = [];
    for (let count = this.#count(); count > 0; count--) attributes.push([this.#string(), this.#value(this.#next())]);
    return attributes;
  }

  #value(type: number): SpanDataValue {
    if (type === STRING) return this.#string();
    if (type === NUMBER) return this.#number();
    if (type !== ARRAY) return type === TRUE;
    const items: SpanDataValue[] = [];
    for (let count = this.#count(); count > 0; count--) items.push(this.#value(this.#next()));
    return items as string[] | number[] | boolean[];
  }

  #string(): string {
    const word = this.#next();
    if (word >= 0) return this.#strings.lookUp(word);
    let text = '';
    for (let left = -1 - word; left > 0; left -= 2) {
      const pair = this.#next();
      text += left > 1 ? String.fromCharCode(pair & 0xffff, pair >>> 16) : String.fromCharCode(pair & 0xffff);
    }
    return text;
  }

  #number(): number {
    doubleWords[0] = this.#next();
    doubleWords[1] = this.#next();
    return double[0]!;
  }

  /** `words` big-endian words as bytes. */
  #id(words: number): Uint8Array {
    const bytes = new Uint8Array(words * 4);
    for (let i = 0; i < words; i++) {
      const word = this.#next();
      for (let j = 0; j < 4; j++) bytes[4 * i + j] = word >>> (24 - 8 * j);
    }
    return bytes;
  }

  #bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.#next();
    return bytes;
  }

  #count(): number {
    const count = this.#next();
    if (count < 0 || count > this.#end - this.#at) throw new Error('not a record');
    return count;
  }

  #next(): number {
    if (this.#at >= this.#end) throw new Error('not a record');
    return this.#words[this.#at++]!;
  }
}
