/**
 * A span as our own SDKs record it, before it has any encoding: what the batch decoder returns (`model/batch`)
 * and what the OTLP encoder takes (`model/otlp/encode.ts`).
 */

/** A value an attribute may have when our SDKs record it. Integers beyond 2^53 are not representable. */
export type SpanDataValue = string | number | boolean | readonly string[] | readonly number[] | readonly boolean[];

export type SpanDataAttributes = readonly (readonly [key: string, value: SpanDataValue])[];

export interface SpanDataEvent {
  readonly name: string;
  /** Microseconds since the Unix epoch; fractions allowed. */
  readonly timeUs: number;
  readonly attributes: SpanDataAttributes;
}

export interface SpanDataLink {
  /** 16 bytes. */
  readonly traceId: Uint8Array;
  /** 8 bytes. */
  readonly spanId: Uint8Array;
  readonly attributes: SpanDataAttributes;
}

export interface SpanData {
  /** 16 bytes. */
  readonly traceId: Uint8Array;
  /** 8 bytes. */
  readonly spanId: Uint8Array;
  /** 8 bytes; null on a root span. */
  readonly parentSpanId: Uint8Array | null;
  readonly name: string;
  /** OTLP SpanKind: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** Microseconds since the Unix epoch; fractions allowed. */
  readonly startUs: number;
  /** Microseconds since the Unix epoch; null while the span is open. */
  readonly endUs: number | null;
  /** OTLP span flags: the low 8 bits are the W3C trace flags (1 = sampled, 2 = random trace id). */
  readonly flags: number;
  /** W3C tracestate, empty when there is none. */
  readonly traceState: string;
  /** OTLP StatusCode: 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly attributes: SpanDataAttributes;
  readonly events: readonly SpanDataEvent[];
  readonly links: readonly SpanDataLink[];
  /** Name of the instrumentation, for example `tailrace/fetch`. */
  readonly scope: string;
  readonly droppedAttributes: number;
  readonly droppedEvents: number;
  readonly droppedLinks: number;
}
