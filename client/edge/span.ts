/** A span of a Worker while it is being recorded. */

import { formatHex } from '../../model/ids.ts';
import { STATUS_CODES, type StatusCode } from '../../model/span.ts';
import type { SpanData, SpanDataEvent, SpanDataValue } from '../../model/span-data.ts';
import type { TraceContext } from '../propagation/w3c.ts';

export type AttributeInput = Readonly<Record<string, SpanDataValue | undefined>>;

/** What user code may do with a span. No method throws; after the span has ended they change nothing. */
export interface Span {
  /** The ids to pass on, for example into a queue message. */
  readonly context: TraceContext;
  /** Sets or replaces one attribute. `http.route` on a server span also names it: `GET /orders/:id`. */
  setAttribute(key: string, value: SpanDataValue | undefined): Span;
  setAttributes(attributes: AttributeInput): Span;
  addEvent(name: string, attributes?: AttributeInput): Span;
  /** The message is for `error` only. */
  setStatus(code: StatusCode, message?: string): Span;
  /** Adds an `exception` event. The status stays as it is. */
  recordException(error: unknown): Span;
  updateName(name: string): Span;
}

/** What a span starts with. */
export interface SpanStart {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId: Uint8Array | null;
  readonly name: string;
  readonly kind: number;
  readonly flags: number;
  readonly traceState: string;
  readonly scope: string;
  /** Place in the order of starts within the request; the clock cannot tell, it stands still between I/O. */
  readonly sequence: number;
}

export const KIND_INTERNAL = 1;
export const KIND_SERVER = 2;
export const KIND_CLIENT = 3;

type Pair = [key: string, value: SpanDataValue];

const MAX_ATTRIBUTES = 128;
const MAX_EVENTS = 128;
const MAX_VALUE_CHARS = 8_192;

/**
 * Cloudflare's own tracing orders spans by this attribute too
 * (https://developers.cloudflare.com/workers/observability/traces/spans-and-attributes/).
 */
export const SEQUENCE_ATTRIBUTE = 'cloudflare.invocation.sequence.number';
/** On a span whose duration came out as 0: no I/O happened in it, so the Workers clock did not move. */
export const CLOCK_FROZEN_ATTRIBUTE = 'tailrace.clock_frozen';

/** A span that records. `nowUs` reads the clock in microseconds; `onEnd` is called once. */
export class RecordingSpan implements Span {
  readonly context: TraceContext;
  readonly #start: SpanStart;
  readonly #startUs: number;
  readonly #nowUs: () => number;
  readonly #onEnd: (span: RecordingSpan) => void;
  readonly #attributes = new Map<string, SpanDataValue>();
  readonly #events: SpanDataEvent[] = [];
  #name: string;
  #status: { code: StatusCode; message: string } = { code: 'unset', message: '' };
  #endUs: number | null = null;
  #droppedAttributes = 0;
  #droppedEvents = 0;

  constructor(start: SpanStart, nowUs: () => number, onEnd: (span: RecordingSpan) => void) {
    this.#start = start;
    this.#nowUs = nowUs;
    this.#onEnd = onEnd;
    this.#startUs = nowUs();
    this.#name = start.name;
    this.#attributes.set(SEQUENCE_ATTRIBUTE, start.sequence);
    this.context = {
      traceId: formatHex(start.traceId),
      spanId: formatHex(start.spanId),
      flags: start.flags,
      traceState: start.traceState,
    };
  }

  setAttribute(key: string, value: SpanDataValue | undefined): Span {
    if (this.#endUs !== null || typeof key !== 'string' || !isValue(value)) return this;
    if (!this.#attributes.has(key) && this.#attributes.size >= MAX_ATTRIBUTES) this.#droppedAttributes++;
    else this.#attributes.set(key, shorten(value));
    return this;
  }

  setAttributes(attributes: AttributeInput): Span {
    for (const [key, value] of Object.entries(attributes ?? {})) this.setAttribute(key, value);
    return this;
  }

  addEvent(name: string, attributes: AttributeInput = {}): Span {
    if (this.#endUs !== null) return this;
    if (this.#events.length >= MAX_EVENTS) this.#droppedEvents++;
    else {
      const entries = Object.entries(attributes ?? {}).filter((entry): entry is Pair => isValue(entry[1]));
      this.#events.push({
        name: describe(name),
        timeUs: this.#nowUs(),
        attributes: entries.slice(0, MAX_ATTRIBUTES).map(([key, value]) => [key, shorten(value)]),
      });
    }
    return this;
  }

  setStatus(code: StatusCode, message = ''): Span {
    if (this.#endUs === null && STATUS_CODES.includes(code)) {
      // A message belongs to an error only (https://opentelemetry.io/docs/specs/otel/trace/api/#set-status).
      this.#status = { code, message: code === 'error' ? describe(message) : '' };
    }
    return this;
  }

  recordException(error: unknown): Span {
    return this.addEvent('exception', exceptionAttributes(error));
  }

  updateName(name: string): Span {
    if (this.#endUs === null) this.#name = describe(name);
    return this;
  }

  /** The attribute's value as it stands. */
  attribute(key: string): SpanDataValue | undefined {
    return this.#attributes.get(key);
  }

  get name(): string {
    return this.#name;
  }

  get hasStatus(): boolean {
    return this.#status.code !== 'unset';
  }

  /** Marks the span as failed with what was thrown, unless its code has set a status of its own. */
  fail(error: unknown): void {
    this.recordException(error);
    const { 'exception.type': type = 'Error', 'exception.message': message = '' } = exceptionAttributes(error);
    this.setAttribute('error.type', type);
    if (!this.hasStatus) this.setStatus('error', message);
  }

  /** Ends the span; a second call changes nothing. */
  end(): void {
    if (this.#endUs !== null) return;
    const endUs = this.#nowUs();
    if (endUs === this.#startUs) this.#attributes.set(CLOCK_FROZEN_ATTRIBUTE, true);
    this.#endUs = endUs;
    this.#onEnd(this);
  }

  /** The span as it is now; `endUs` is null while it is open. */
  toData(): SpanData {
    const { sequence: _, ...start } = this.#start;
    return {
      ...start,
      name: this.#name,
      startUs: this.#startUs,
      endUs: this.#endUs,
      statusCode: STATUS_CODES.indexOf(this.#status.code),
      statusMessage: this.#status.message,
      attributes: [...this.#attributes],
      events: [...this.#events],
      links: [],
      droppedAttributes: this.#droppedAttributes,
      droppedEvents: this.#droppedEvents,
      droppedLinks: 0,
    };
  }
}

/** What `currentSpan()` gives where nothing is traced. */
export const NOOP_SPAN: Span = Object.freeze({
  context: Object.freeze({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), flags: 0 }),
  setAttribute: () => NOOP_SPAN,
  setAttributes: () => NOOP_SPAN,
  addEvent: () => NOOP_SPAN,
  setStatus: () => NOOP_SPAN,
  recordException: () => NOOP_SPAN,
  updateName: () => NOOP_SPAN,
});

function exceptionAttributes(error: unknown): Record<string, string> {
  if (!(error instanceof Error)) return { 'exception.type': typeof error, 'exception.message': describe(error) };
  return {
    'exception.type': error.name,
    'exception.message': error.message,
    ...(typeof error.stack === 'string' ? { 'exception.stacktrace': error.stack } : {}),
  };
}

function describe(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'a value that cannot be shown as text';
  }
}

function isValue(value: unknown): value is SpanDataValue {
  if (Array.isArray(value)) return value.every((item) => isPrimitive(item) && typeof item === typeof value[0]);
  return isPrimitive(value);
}

function isPrimitive(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function shorten(value: SpanDataValue): SpanDataValue {
  return typeof value === 'string' && value.length > MAX_VALUE_CHARS ? value.slice(0, MAX_VALUE_CHARS) : value;
}
