/** A span while it is recorded. It is its own record: the fields are those of `SpanData`. */

import { formatHex } from '../../model/ids.ts';
import type {
  SpanData,
  SpanDataAttributes,
  SpanDataEvent,
  SpanDataLink,
  SpanDataValue,
} from '../../model/span-data.ts';
import type { TraceContext } from '../propagation/w3c.ts';

/** What one span may hold; more is counted and left out. */
const MAX_ATTRIBUTES = 128;
const MAX_EVENTS = 128;
const MAX_LINKS = 128;
const MAX_VALUE_CHARS = 4096;

export type AttributeInput = Readonly<Record<string, SpanDataValue | undefined>>;
export type StatusCode = 'unset' | 'ok' | 'error';
const STATUS_CODES: readonly StatusCode[] = ['unset', 'ok', 'error'];

/** What a span tells the tracer that made it. */
export interface SpanOwner {
  nowUs(): number;
  onEnd(span: Span): void;
  /** A change after the end, which is ignored. */
  onIgnored(): void;
}

type Pair = [key: string, value: SpanDataValue];

export class Span implements SpanData {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId: Uint8Array | null;
  readonly kind: number;
  readonly startUs: number;
  readonly flags: number;
  readonly traceState: string;
  readonly scope: string;
  /** The parent, where it is a span of this page. */
  readonly parent: Span | null;
  name: string;
  endUs: number | null = null;
  statusCode = 0;
  statusMessage = '';
  droppedAttributes = 0;
  droppedEvents = 0;
  droppedLinks = 0;
  /** Spans of this page that have this one as parent and have not ended. */
  openChildren = 0;
  private readonly owner: SpanOwner;
  private readonly pairs: Pair[] = [];
  private eventList: SpanDataEvent[] | undefined;
  private linkList: SpanDataLink[] | undefined;
  private endsWhenIdle = false;

  constructor(
    owner: SpanOwner,
    identity: Pick<SpanData, 'traceId' | 'spanId' | 'parentSpanId' | 'flags' | 'traceState'>,
    parent: Span | null,
    name: string,
    kind: number,
    scope: string,
    startUs: number,
  ) {
    this.owner = owner;
    this.traceId = identity.traceId;
    this.spanId = identity.spanId;
    this.parentSpanId = identity.parentSpanId;
    this.flags = identity.flags;
    this.traceState = identity.traceState;
    this.parent = parent;
    this.name = name;
    this.kind = kind;
    this.scope = scope;
    this.startUs = startUs;
    if (parent) parent.openChildren++;
  }

  get attributes(): SpanDataAttributes {
    return this.pairs;
  }

  get events(): readonly SpanDataEvent[] {
    return this.eventList ?? NONE;
  }

  get links(): readonly SpanDataLink[] {
    return this.linkList ?? NONE;
  }

  /** Ids and flags in text, to propagate or to write into a log line. */
  get context(): TraceContext {
    return { traceId: formatHex(this.traceId), spanId: formatHex(this.spanId), flags: this.flags };
  }

  get isRecording(): boolean {
    return this.endUs === null;
  }

  setAttribute(key: string, value: SpanDataValue | undefined): this {
    if (this.isOpen() && value !== undefined && value !== null) this.put(key, value);
    return this;
  }

  setAttributes(attributes: AttributeInput): this {
    for (const key in attributes) this.setAttribute(key, attributes[key]);
    return this;
  }

  addEvent(name: string, attributes: AttributeInput = {}): this {
    if (!this.isOpen()) return this;
    this.eventList ??= [];
    if (this.eventList.length >= MAX_EVENTS) this.droppedEvents++;
    else this.eventList.push({ name, timeUs: this.owner.nowUs(), attributes: toPairs(attributes) });
    return this;
  }

  addLink(traceId: Uint8Array, spanId: Uint8Array, attributes: AttributeInput = {}): this {
    if (!this.isOpen()) return this;
    this.linkList ??= [];
    if (this.linkList.length >= MAX_LINKS) this.droppedLinks++;
    else this.linkList.push({ traceId, spanId, attributes: toPairs(attributes) });
    return this;
  }

  setStatus(code: StatusCode, message = ''): this {
    if (!this.isOpen()) return this;
    this.statusCode = Math.max(0, STATUS_CODES.indexOf(code));
    this.statusMessage = code === 'error' ? message : '';
    return this;
  }

  /** Adds an `exception` event as OpenTelemetry describes it; the status is left to the caller. */
  recordException(error: unknown): this {
    const { name, message, stack } = error instanceof Error ? error : { name: 'Error', message: String(error) };
    return this.addEvent('exception', {
      'exception.type': name,
      'exception.message': message,
      'exception.stacktrace': stack,
    });
  }

  updateName(name: string): this {
    if (this.isOpen()) this.name = name;
    return this;
  }

  /** Ends the span, once. `atUs` is in microseconds since the Unix epoch, now by default. */
  end(atUs?: number): void {
    if (!this.isOpen()) return;
    this.endUs = Math.max(this.startUs, atUs ?? this.owner.nowUs());
    this.owner.onEnd(this);
    if (!this.parent) return;
    this.parent.openChildren--;
    this.parent.checkIdle();
  }

  /** Ends the span as soon as none of its children is open, which may be now. */
  endWhenIdle(): void {
    this.endsWhenIdle = true;
    this.checkIdle();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  private checkIdle(): void {
    if (this.endsWhenIdle && this.openChildren === 0 && this.isRecording) this.end();
  }

  private isOpen(): boolean {
    if (this.endUs === null) return true;
    this.owner.onIgnored();
    return false;
  }

  private put(key: string, value: SpanDataValue): void {
    const known = this.pairs.find((pair) => pair[0] === key);
    if (known) known[1] = cut(value);
    else if (this.pairs.length >= MAX_ATTRIBUTES) this.droppedAttributes++;
    else this.pairs.push([key, cut(value)]);
  }
}

const NONE: readonly never[] = [];

function toPairs(attributes: AttributeInput): Pair[] {
  const pairs: Pair[] = [];
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined && value !== null && pairs.length < MAX_ATTRIBUTES) pairs.push([key, cut(value)]);
  }
  return pairs;
}

/** A value of another type than an attribute may have becomes its text; long text is cut. */
function cut(value: SpanDataValue): SpanDataValue {
  if (typeof value === 'number' || typeof value === 'boolean' || Array.isArray(value)) return value;
  const text = String(value);
  return text.length > MAX_VALUE_CHARS ? text.slice(0, MAX_VALUE_CHARS) : text;
}
