/** The spans of one OTLP message as columns. */

import { MAX_ENVELOPE_BYTES, MAX_ENVELOPES_PER_REQUEST, MAX_SPAN_BYTES, MAX_SPANS_PER_REQUEST } from '../limits.ts';
import { REJECTION_REASONS, type RejectionReason } from '../reasons.ts';
import { TooManyError } from './proto-reader.ts';

/** Everything of a ResourceSpans or ScopeSpans message but its children: byte ranges to copy, in order. */
export interface Envelope {
  readonly ranges: { readonly start: number; end: number }[];
  /** Of all ranges. */
  bytes: number;
}
export interface ScannedResource extends Envelope {
  /** The edge took it in under a page's public key (`KEY_CLASS`): its spans never stand in for a service's. */
  isPage: boolean;
  /** The resource's `service.name`, or `unknown_service` as OpenTelemetry names it. */
  service: string;
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

/** The spans of one OTLP message, a column a field. Rows 0 to `count - 1` are in the message's order. */
export class SpanTable {
  readonly bytes: Uint8Array;
  /** Of `bytes`. */
  readonly view: DataView;
  readonly limits: ScanLimits;
  readonly resources: ScannedResource[] = [];
  readonly scopes: ScannedScope[] = [];
  count = 0;
  /** Range of the Span message's body. */
  start = new Int32Array(64);
  end = new Int32Array(64);
  /** Index into `scopes`. */
  scope = new Int32Array(64);
  /** Offset of the 16, 8 and 8 bytes; parent -1 where there is none. */
  traceIdAt = new Int32Array(64);
  spanIdAt = new Int32Array(64);
  parentIdAt = new Int32Array(64);
  nameStart = new Int32Array(64);
  nameEnd = new Int32Array(64);
  /** Range of the W3C tracestate; empty where there is none. */
  traceStateStart = new Int32Array(64);
  traceStateEnd = new Int32Array(64);
  kind = new Uint8Array(64);
  status = new Uint8Array(64);
  startUs = new Float64Array(64);
  /** 0 while the span is open. */
  endUs = new Float64Array(64);
  /** 0 when the span is good, otherwise 1 + its index in REJECTION_REASONS. */
  private rejected = new Uint8Array(64);

  constructor(bytes: Uint8Array, limits: ScanLimits) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.limits = limits;
  }

  /** Why row `i` is not acceptable, or null when it is. */
  rejection(i: number): RejectionReason | null {
    const code = this.rejected[i]!;
    return code === 0 ? null : REJECTION_REASONS[code - 1]!;
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
    if (i === this.start.length) this.grow();
    this.traceIdAt[i] = this.spanIdAt[i] = this.parentIdAt[i] = -1;
    return i;
  }

  private grow(): void {
    const size = this.start.length * 4;
    const copy = <T extends Int32Array | Uint8Array | Float64Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.start = copy(new Int32Array(size), this.start);
    this.end = copy(new Int32Array(size), this.end);
    this.scope = copy(new Int32Array(size), this.scope);
    this.traceIdAt = copy(new Int32Array(size), this.traceIdAt);
    this.spanIdAt = copy(new Int32Array(size), this.spanIdAt);
    this.parentIdAt = copy(new Int32Array(size), this.parentIdAt);
    this.nameStart = copy(new Int32Array(size), this.nameStart);
    this.nameEnd = copy(new Int32Array(size), this.nameEnd);
    this.traceStateStart = copy(new Int32Array(size), this.traceStateStart);
    this.traceStateEnd = copy(new Int32Array(size), this.traceStateEnd);
    this.kind = copy(new Uint8Array(size), this.kind);
    this.status = copy(new Uint8Array(size), this.status);
    this.startUs = copy(new Float64Array(size), this.startUs);
    this.endUs = copy(new Float64Array(size), this.endUs);
    this.rejected = copy(new Uint8Array(size), this.rejected);
  }
}
