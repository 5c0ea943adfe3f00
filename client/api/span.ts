/** A span while it is recorded. It has the form that records are written from: nothing is copied when it ends. */

import { isSpanId, isTraceId } from '../../model/ids.ts';
import type { SpanDataEvent, SpanDataLink, SpanDataValue } from '../../model/span-data.ts';
import type { TraceContext } from '../propagation/w3c.ts';
import type { OpenRecordable, RecordPlace, SpanSink, TraceIdentity } from '../recorder/recordable.ts';
import type { Sampling } from '../sampling/sampler.ts';
import { asError, asText } from './anything.ts';
import { hexToBytes, randomWord, wordToHex } from './ids.ts';

/** How many attributes, events and links, each, a span may hold; more are counted and left out. */
const MAX_ITEMS = 128;
const MAX_VALUE_CHARS = 4096;

export type AttributeInput = Readonly<Record<string, SpanDataValue | undefined>>;
export type StatusCode = 'unset' | 'ok' | 'error';
const STATUS_CODES: readonly StatusCode[] = ['unset', 'ok', 'error'];

type Pair = [key: string, value: SpanDataValue];

/** Where a span hangs. */
export interface SpanPlace extends RecordPlace {
  /** The parent, where it is a span of this page. */
  readonly parent: Span | null;
}

export class Span implements OpenRecordable {
  place: SpanPlace;
  readonly id0 = randomWord();
  readonly id1 = randomWord();
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
  /** Changed since it was last recorded. */
  changed = true;
  /** Who is asked when it changes; null when it is decided. */
  sampling: Sampling | null = null;
  isDropped = false;
  readonly attributes: Pair[] = [];
  events: readonly SpanDataEvent[] = NONE;
  links: readonly SpanDataLink[] = NONE;
  /** Spans of this page that have this one as parent and have not ended. */
  #openChildren = 0;
  readonly #sink: SpanSink;
  #endsWhenIdle = false;

  constructor(sink: SpanSink, place: SpanPlace, name: string, kind: number, scope: string, startUs: number) {
    this.#sink = sink;
    this.place = place;
    this.name = name;
    this.kind = kind;
    this.scope = scope;
    this.startUs = startUs;
    if (place.parent) place.parent.#openChildren++;
    if (!sink.sampling) this.hand();
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

  get trace(): TraceIdentity {
    return this.place.trace;
  }

  set trace(trace: TraceIdentity) {
    this.place = { ...this.place, trace };
  }

  get parent(): Span | null {
    return this.place.parent;
  }

  /** It has no parent, here or elsewhere. */
  get isRoot(): boolean {
    return !this.place.parent0 && !this.place.parent1;
  }

  /** The attribute's value as it stands. */
  attribute(key: string): SpanDataValue | undefined {
    return this.attributes.find((pair) => pair[0] === key)?.[1];
  }

  get flags(): number {
    return this.place.trace.flags;
  }

  get traceState(): string {
    return this.place.trace.traceState;
  }

  /** Ids and flags in text, to propagate or to write into a log line. */
  get context(): TraceContext {
    const { words, flags, traceState } = this.place.trace;
    return {
      traceId: words.map(wordToHex).join(''),
      spanId: wordToHex(this.id0) + wordToHex(this.id1),
      flags,
      traceState,
    };
  }

  get isRecording(): boolean {
    return this.endUs === null;
  }

  setAttribute(key: string, value: SpanDataValue | undefined): this {
    if (!this.#isOpen()) return this;
    if (!put(this.attributes, key, value)) this.droppedAttributes++;
    this.sampling?.ask(this, 'onSetAttribute', key, value);
    return this;
  }

  setAttributes(attributes: AttributeInput): this {
    for (const key in attributes) this.setAttribute(key, attributes[key]);
    return this;
  }

  /** `atUs` is in microseconds since the Unix epoch, now by default. */
  addEvent(name: string, attributes?: AttributeInput, atUs = this.#nowUs()): this {
    if (!this.#isOpen()) return this;
    if (this.events.length >= MAX_ITEMS) this.droppedEvents++;
    else this.events = [...this.events, { name, timeUs: atUs, attributes: toPairs(attributes) }];
    this.sampling?.ask(this, 'onAddEvent', name);
    return this;
  }

  /** Links to another span, of any trace; a context whose ids are not valid is ignored. */
  addLink({ traceId, spanId }: TraceContext, attributes?: AttributeInput): this {
    if (!isTraceId(traceId) || !isSpanId(spanId) || !this.#isOpen()) return this;
    const link = { traceId: hexToBytes(traceId), spanId: hexToBytes(spanId), attributes: toPairs(attributes) };
    if (this.links.length >= MAX_ITEMS) this.droppedLinks++;
    else this.links = [...this.links, link];
    return this;
  }

  setStatus(code: StatusCode, message = ''): this {
    if (!this.#isOpen()) return this;
    this.statusCode = Math.max(0, STATUS_CODES.indexOf(code));
    this.statusMessage = code === 'error' ? message : '';
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
    this.name = name;
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

  /** Ends the span as soon as none of its children is open, which may be now. */
  endWhenIdle(): void {
    this.#endsWhenIdle = true;
    this.#checkIdle();
  }

  #leaveParent(): void {
    const { parent } = this.place;
    if (!parent) return;
    parent.#openChildren--;
    parent.#checkIdle();
  }

  #nowUs(): number {
    return this.#sink.nowUs(this.place.trace.segmentUs);
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
}

const NONE: readonly never[] = [];

function toPairs(attributes: AttributeInput | undefined): Pair[] {
  const pairs: Pair[] = [];
  for (const key in attributes) put(pairs, key, attributes[key]);
  return pairs;
}

/** Sets or replaces an attribute; one without a value is left out. False when there are too many. */
function put(pairs: Pair[], key: string, value: SpanDataValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  const known = pairs.find((pair) => pair[0] === key);
  if (known) known[1] = cut(value);
  else if (pairs.length < MAX_ITEMS) pairs.push([key, cut(value)]);
  else return false;
  return true;
}

/** A value of another type than an attribute may have becomes its text, and so do the items of a mixed list; long text is cut. */
function cut(value: SpanDataValue): SpanDataValue {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (!Array.isArray(value)) return asText(value).slice(0, MAX_VALUE_CHARS);
  const type = typeof value[0];
  return value.every((item) => typeof item === type && type !== 'object') ? value : value.map(asText);
}
