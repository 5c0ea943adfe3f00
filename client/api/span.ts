/// <reference lib="esnext.disposable" preserve="true" />
/** A span while it is recorded. It has the form that records are written from: nothing is copied when it ends. */

import type { BodyEvent, BodyLink } from '../../model/batch/span-body.ts';
import { isSpanId, isTraceId } from '../../model/ids.ts';
import type { SpanDataValue } from '../../model/span-data.ts';
import type { TraceContext } from '../propagation/w3c.ts';
import type { OpenRecordable, SpanSink, TraceIdentity } from '../recorder/recordable.ts';
import { toTime } from '../recorder/span-traits.ts';
import type { Sampling } from '../sampling/sampler.ts';
import { asError, asText } from './anything.ts';
import { hexToWords, randomWord, wordsToHex } from './ids.ts';

/** How many attributes, events and links, each, a span may hold; more are counted and left out. */
const MAX_ITEMS = 128;
const MAX_VALUE_CHARS = 4096;
/** What a span and an item of it take in memory, without their texts. */
const SPAN_BYTES = 256;
const ITEM_BYTES = 32;

export type AttributeInput = Readonly<Record<string, SpanDataValue | undefined>>;
export type StatusCode = 'unset' | 'ok' | 'error';
const STATUS_CODES: readonly StatusCode[] = ['unset', 'ok', 'error'];

export class Span implements OpenRecordable {
  trace: TraceIdentity;
  readonly parent: Span | null;
  readonly kind: number;
  readonly scope: string;
  readonly startUs: number;
  name: string;
  endUs: number | null = null;
  statusCode = 0;
  statusMessage = '';
  droppedAttributes = 0;
  droppedEvents = 0;
  droppedLinks = 0;
  changed = true;
  /** Who is asked when it changes; null when it is decided. */
  sampling: Sampling | null = null;
  isDropped = false;
  heldBytes = SPAN_BYTES;
  /** Keys and values in turn. */
  attributes: SpanDataValue[] = NONE;
  events: readonly BodyEvent[] = NONE;
  links: readonly BodyLink[] = NONE;
  next: OpenRecordable | null = null;
  /** The id, 0 until somebody asks for it: most spans end before that. */
  #id0 = 0;
  #id1 = 0;
  /** Spans of this page that have this one as parent and have not ended. */
  #openChildren = 0;
  readonly #sink: SpanSink;
  #endsWhenIdle = false;

  constructor(
    sink: SpanSink,
    trace: TraceIdentity,
    parent: Span | null,
    name: string,
    kind: number,
    scope: string,
    startUs: number,
  ) {
    this.#sink = sink;
    this.trace = trace;
    this.parent = parent;
    this.name = name;
    this.kind = kind;
    this.scope = scope;
    this.startUs = startUs;
    if (parent) parent.#openChildren++;
  }

  /** The recorder may send it from now on. */
  hand(): void {
    this.#sink.onStart(this);
  }

  /** Nothing is recorded of it any more. */
  drop(): void {
    this.isDropped = true;
    this.endUs ??= this.startUs;
    this.#sink.onDrop(this);
    this.#leaveParent();
  }

  /** It has no parent, here or elsewhere. */
  get isRoot(): boolean {
    const { id0, id1 } = this.parent ?? this.trace;
    return id0 === 0 && id1 === 0;
  }

  /** The attribute's value as it stands. */
  attribute(key: string): SpanDataValue | undefined {
    return this.attributes[this.#placeOf(key) + 1];
  }

  get id0(): number {
    this.#id0 ||= randomWord();
    return this.#id0;
  }

  get id1(): number {
    this.#id1 ||= randomWord();
    return this.#id1;
  }

  get flags(): number {
    return this.trace.flags;
  }

  get traceState(): string {
    return this.trace.traceState;
  }

  /** Ids and flags in text, to propagate or to write into a log line. */
  get context(): TraceContext {
    const { words, flags, traceState } = this.trace;
    return {
      traceId: wordsToHex(words),
      spanId: wordsToHex([this.id0, this.id1]),
      flags,
      traceState,
    };
  }

  get isRecording(): boolean {
    return this.endUs === null;
  }

  setAttribute(key: string, value: SpanDataValue | undefined): this {
    if (!this.#isOpen()) return this;
    const { attributes } = this;
    const place = this.#placeOf(key);
    if (place === attributes.length) this.#append(key, value);
    else attributes[place + 1] = this.#hold(value ?? attributes[place + 1]!);
    this.sampling?.ask(this, 'onSetAttribute', key, value);
    return this;
  }

  setAttributes(attributes: AttributeInput): this {
    // The keys of an object are all different, so those of the first are different from all others.
    const isFirst = this.attributes === NONE && this.endUs === null && !this.sampling;
    if (isFirst) this.changed = true;
    for (const key in attributes) {
      const value = attributes[key];
      if (isFirst) this.#append(key, value);
      else this.setAttribute(key, value);
    }
    return this;
  }

  /** `atUs` is in microseconds since the Unix epoch, now by default. */
  addEvent(name: string, attributes?: AttributeInput, atUs = this.#nowUs()): this {
    if (!this.#isOpen()) return this;
    if (this.events.length >= MAX_ITEMS) this.droppedEvents++;
    else
      this.events = [
        ...this.events,
        { name: asText(name), timeUs: toTime(atUs), attributes: this.#flatten(attributes) },
      ];
    this.sampling?.ask(this, 'onAddEvent', name);
    return this;
  }

  /** Links to another span, of any trace; a context whose ids are not valid is ignored. */
  addLink({ traceId, spanId }: TraceContext, attributes?: AttributeInput): this {
    if (!isTraceId(traceId) || !isSpanId(spanId) || !this.#isOpen()) return this;
    if (this.links.length >= MAX_ITEMS) this.droppedLinks++;
    else this.links = [...this.links, { ids: hexToWords(traceId + spanId), attributes: this.#flatten(attributes) }];
    return this;
  }

  setStatus(code: StatusCode, message = ''): this {
    if (!this.#isOpen()) return this;
    this.statusCode = Math.max(0, STATUS_CODES.indexOf(code));
    this.statusMessage = code === 'error' ? asText(message) : '';
    this.sampling?.ask(this, 'onSetStatus', this.statusCode);
    return this;
  }

  /** Adds an `exception` event as OpenTelemetry describes it; the status is left to the caller. */
  recordException(error: unknown): this {
    const { name, message, stack } = asError(error);
    return this.addEvent('exception', {
      'exception.type': name,
      'exception.message': message,
      'exception.stacktrace': stack,
    });
  }

  updateName(name: string): this {
    if (!this.#isOpen()) return this;
    this.name = asText(name);
    this.sampling?.ask(this, 'onUpdateName', name);
    return this;
  }

  /** Ends the span, once. `atUs` is in microseconds since the Unix epoch, now by default. */
  end(atUs?: number): void {
    if (!this.#isOpen()) return;
    this.endUs = Math.max(this.startUs, typeof atUs === 'number' ? atUs : this.#nowUs());
    this.sampling?.ask(this, 'onEnd');
    if (this.isDropped) return;
    this.#sink.onEnd(this);
    this.#leaveParent();
  }

  /** `using span = …` ends it with its block, where the language has that. */
  [Symbol.dispose](): void {
    this.end();
  }

  /** Ends the span as soon as none of its children is open, which may be now. */
  endWhenIdle(): void {
    this.#endsWhenIdle = true;
    this.#checkIdle();
  }

  #leaveParent(): void {
    const { parent } = this;
    if (!parent) return;
    parent.#openChildren--;
    parent.#checkIdle();
  }

  #nowUs(): number {
    return this.#sink.nowUs(this.trace.segmentUs);
  }

  #checkIdle(): void {
    if (this.#endsWhenIdle && this.#openChildren === 0 && this.isRecording) this.end();
  }

  #isOpen(): boolean {
    if (this.endUs === null) {
      this.changed = true;
      return true;
    }
    if (!this.isDropped) this.#sink.onIgnored();
    return false;
  }

  /** Where the key is among the attributes, or would be. */
  #placeOf(key: string): number {
    let place = 0;
    while (place < this.attributes.length && this.attributes[place] !== key) place += 2;
    return place;
  }

  #append(key: string, value: SpanDataValue | undefined): void {
    if (this.attributes === NONE) this.attributes = [];
    if (!this.#put(this.attributes, key, value)) this.droppedAttributes++;
  }

  /** Adds an attribute; one without a value is left out. False when there are too many. */
  #put(flat: SpanDataValue[], key: string, value: SpanDataValue | undefined): boolean {
    if (value === undefined || value === null) return true;
    return flat.length < 2 * MAX_ITEMS && flat.push(key, this.#hold(value)) > 0;
  }

  #flatten(attributes: AttributeInput | undefined): SpanDataValue[] {
    this.heldBytes += ITEM_BYTES;
    const flat: SpanDataValue[] = [];
    for (const key in attributes) this.#put(flat, key, attributes[key]);
    return flat;
  }

  /**
   * The value as it is kept. One of another type than an attribute may have becomes its text, and so do the items of a mixed
   * list; long text is cut.
   */
  #hold(value: SpanDataValue): SpanDataValue {
    this.heldBytes += ITEM_BYTES;
    if (typeof value === 'number' || typeof value === 'boolean') return value;
    if (Array.isArray(value)) {
      const type = typeof value[0];
      const list = value.every((item) => typeof item === type && type !== 'object') ? [...value] : value.map(asText);
      this.heldBytes += asText(list).length;
      return list as SpanDataValue;
    }
    const text = asText(value);
    this.heldBytes += Math.min(text.length, MAX_VALUE_CHARS);
    return text.length > MAX_VALUE_CHARS ? text.slice(0, MAX_VALUE_CHARS) : text;
  }
}

/** Nothing yet. */
const NONE: never[] = [];
