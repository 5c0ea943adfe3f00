/** The spans of one OTLP message as columns. */

import { MAX_ENVELOPE_BYTES, MAX_ENVELOPES_PER_REQUEST, MAX_SPAN_BYTES, MAX_SPANS_PER_REQUEST } from '../limits.ts';
import { REJECTION_REASONS, type RejectionReason } from '../reasons.ts';
import { TooManyError } from './proto-reader.ts';

/** Everything of a ResourceSpans or ScopeSpans message but its children. */
export interface Envelope {
  /** Views of the message's bytes, to be copied in this order. */
  readonly parts: Uint8Array[];
  /** Of all parts. */
  bytes: number;
}
export interface ScannedResource extends Envelope {
  /** The edge took it in under a page's public key (`KEY_CLASS`): its spans never stand in for a service's. */
  isPage: boolean;
  /** The resource's `service.name`, or `unknown_service` as OpenTelemetry names it. */
  service: string;
  /** Its `service.version` and `service.instance.id`; empty where it has none. */
  version: string;
  instance: string;
}
export interface ScannedScope extends Envelope {
  /** Index into `resources`. */
  readonly resource: number;
}

/** How much of what a message may have. */
export interface ScanLimits {
  readonly spans: number;
  /** Resources and scopes together. */
  readonly envelopes: number;
  readonly spanBytes: number;
  /** Of a resource and a scope together. */
  readonly envelopeBytes: number;
}

/** For what comes in from outside. */
export const REQUEST_LIMITS: ScanLimits = {
  spans: MAX_SPANS_PER_REQUEST,
  envelopes: MAX_ENVELOPES_PER_REQUEST,
  spanBytes: MAX_SPAN_BYTES,
  envelopeBytes: MAX_ENVELOPE_BYTES,
};

/** For what was let in: nothing that was acknowledged is refused later. */
export const NO_LIMITS: ScanLimits = {
  spans: Number.POSITIVE_INFINITY,
  envelopes: Number.POSITIVE_INFINITY,
  spanBytes: Number.POSITIVE_INFINITY,
  envelopeBytes: Number.POSITIVE_INFINITY,
};

/** Resource attribute that the edge itself sets, to `page`, on what comes under a page's key. */
export const KEY_CLASS = 'tailrace.key_class';

const decoder = new TextDecoder();

/** Reads the text at a range of `bytes`; invalid UTF-8 becomes U+FFFD. */
export function textAt(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}

/** Bytes of all columns in a row of the table. */
const ROW_BYTES = 59;
/** Few senders' spans are smaller, so that a table made for a message seldom has to grow. */
const SPAN_BYTES_GUESS = 128;

/** The spans of one OTLP message, a column a field. Rows 0 to `count - 1` are in the message's order. */
export class SpanTable {
  /** What offsets point into. */
  bytes: Uint8Array;
  /** Of `bytes`. */
  view: DataView;
  readonly limits: ScanLimits;
  readonly resources: ScannedResource[] = [];
  readonly scopes: ScannedScope[] = [];
  count = 0;
  /** Range of the Span message's body. */
  start!: Int32Array;
  end!: Int32Array;
  /** Index into `scopes`. */
  scope!: Int32Array;
  /** Offset of the 16, 8 and 8 bytes; parent -1 where there is none. */
  traceIdAt!: Int32Array;
  spanIdAt!: Int32Array;
  parentIdAt!: Int32Array;
  nameStart!: Int32Array;
  nameEnd!: Int32Array;
  /** Range of the W3C tracestate; empty where there is none. */
  traceStateStart!: Int32Array;
  traceStateEnd!: Int32Array;
  kind!: Uint8Array;
  status!: Uint8Array;
  startUs!: Float64Array;
  /** 0 while the span is open. */
  endUs!: Float64Array;
  /** 0 when the span is good, otherwise 1 + its index in REJECTION_REASONS. */
  private rejected!: Uint8Array;
  private capacity = 0;

  constructor(bytes: Uint8Array, limits: ScanLimits) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.limits = limits;
    this.allocate(8 + Math.min(Math.floor(bytes.length / SPAN_BYTES_GUESS), MAX_SPANS_PER_REQUEST));
  }

  /** Why row `i` is not acceptable, or null when it is. */
  rejection(i: number): RejectionReason | null {
    const code = this.rejected[i]!;
    return code === 0 ? null : REJECTION_REASONS[code - 1]!;
  }

  isRejected(i: number): boolean {
    return this.rejected[i] !== 0;
  }

  /** Puts longer bytes, which begin with those that are there, in their place. */
  extend(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Rows that are not rejected. */
  countGood(): number {
    let good = 0;
    for (let i = 0; i < this.count; i++) if (this.rejected[i] === 0) good++;
    return good;
  }

  /** Index into `resources` of the one that row `i` is of. */
  resource(i: number): number {
    return this.scopes[this.scope[i]!]!.resource;
  }

  /** The rows that are not rejected, ascending. */
  goodRows(): Int32Array {
    const rows = new Int32Array(this.count);
    let good = 0;
    for (let i = 0; i < this.count; i++) if (this.rejected[i] === 0) rows[good++] = i;
    return rows.subarray(0, good);
  }

  name(i: number): string {
    return textAt(this.bytes, this.nameStart[i]!, this.nameEnd[i]!);
  }

  service(i: number): string {
    return this.resources[this.resource(i)]!.service;
  }

  reject(i: number, reason: RejectionReason): void {
    this.rejected[i] = 1 + REJECTION_REASONS.indexOf(reason);
  }

  /** To be called before a resource or a scope is added. Throws TooManyError. */
  checkEnvelopes(): void {
    if (this.resources.length + this.scopes.length < this.limits.envelopes) return;
    throw new TooManyError(`more than ${this.limits.envelopes} resources and scopes`);
  }

  /** Makes room for one more row and returns its index; its columns hold the defaults of an empty span. Throws TooManyError. */
  addRow(): number {
    if (this.count >= this.limits.spans) throw new TooManyError(`more than ${this.limits.spans} spans`);
    const i = this.count++;
    if (i === this.capacity) this.grow();
    this.traceIdAt[i] = this.spanIdAt[i] = this.parentIdAt[i] = -1;
    return i;
  }

  /** All columns are cut from one buffer: that is many times faster than a buffer for each. */
  private allocate(capacity: number): void {
    const buffer = new ArrayBuffer(capacity * ROW_BYTES);
    let at = 0;
    const next = (bytes: number) => {
      at += bytes * capacity;
      return at - bytes * capacity;
    };
    this.startUs = new Float64Array(buffer, next(8), capacity);
    this.endUs = new Float64Array(buffer, next(8), capacity);
    this.start = new Int32Array(buffer, next(4), capacity);
    this.end = new Int32Array(buffer, next(4), capacity);
    this.scope = new Int32Array(buffer, next(4), capacity);
    this.traceIdAt = new Int32Array(buffer, next(4), capacity);
    this.spanIdAt = new Int32Array(buffer, next(4), capacity);
    this.parentIdAt = new Int32Array(buffer, next(4), capacity);
    this.nameStart = new Int32Array(buffer, next(4), capacity);
    this.nameEnd = new Int32Array(buffer, next(4), capacity);
    this.traceStateStart = new Int32Array(buffer, next(4), capacity);
    this.traceStateEnd = new Int32Array(buffer, next(4), capacity);
    this.kind = new Uint8Array(buffer, next(1), capacity);
    this.status = new Uint8Array(buffer, next(1), capacity);
    this.rejected = new Uint8Array(buffer, next(1), capacity);
    this.capacity = capacity;
  }

  private grow(): void {
    const { startUs, endUs, start, end, scope, traceIdAt, spanIdAt, parentIdAt, nameStart, nameEnd } = this;
    const { traceStateStart, traceStateEnd, kind, status, rejected } = this;
    this.allocate(this.capacity * 2);
    this.startUs.set(startUs);
    this.endUs.set(endUs);
    this.start.set(start);
    this.end.set(end);
    this.scope.set(scope);
    this.traceIdAt.set(traceIdAt);
    this.spanIdAt.set(spanIdAt);
    this.parentIdAt.set(parentIdAt);
    this.nameStart.set(nameStart);
    this.nameEnd.set(nameEnd);
    this.traceStateStart.set(traceStateStart);
    this.traceStateEnd.set(traceStateEnd);
    this.kind.set(kind);
    this.status.set(status);
    this.rejected.set(rejected);
  }
}
