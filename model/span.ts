/**
 * The shapes the native API speaks: a span, a trace, and the summary of a trace.
 *
 * Field names are OpenTelemetry's. Every time and duration is an integer number of microseconds
 * (since the Unix epoch for times), so that it fits a JSON number without loss until the year 2255.
 */

import type { DecisionReason } from './reasons.ts';

/** OpenTelemetry's SpanKind, as its OTLP enum value. */
export const SPAN_KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
export type SpanKind = (typeof SPAN_KINDS)[number];

/** OpenTelemetry's StatusCode, as its OTLP enum value. */
export const STATUS_CODES = ['unset', 'ok', 'error'] as const;
export type StatusCode = (typeof STATUS_CODES)[number];

/** An attribute's value. 64-bit integers beyond 2^53 are decimal strings; bytes are base64 in `{ bytes }`. */
export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | { readonly bytes: string }
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

export type Attributes = { readonly [key: string]: AttributeValue };

export interface SpanEvent {
  readonly name: string;
  readonly timeUs: number;
  readonly attributes: Attributes;
}

export interface SpanLink {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly attributes: Attributes;
}

/** `open`: started, end not received yet. `abandoned`: still open when its trace was decided. */
export type SpanState = 'open' | 'ended' | 'abandoned';

export interface Span {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  /** 16 lower-case hex digits; absent on a root span. */
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startUs: number;
  /** Absent until the span ended. 0 is a real duration: a Worker's clock stands still during CPU work. */
  readonly durationUs?: number;
  readonly state: SpanState;
  readonly status: { readonly code: StatusCode; readonly message?: string };
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  readonly resource: { readonly attributes: Attributes };
  readonly scope: { readonly name: string; readonly version?: string };
  /** W3C trace flags, 0 to 255; absent when none are set. */
  readonly traceFlags?: number;
  /** W3C tracestate; absent when it is empty. */
  readonly traceState?: string;
}

/** `live`: not decided. `kept`: decided to keep, stored or about to be. `dropped`: readable until its log bucket goes. */
export const TRACE_STATES = ['live', 'kept', 'dropped'] as const;
export type TraceState = (typeof TRACE_STATES)[number];

/** How long a kept trace is stored: each class includes the ones before it. */
export const RETENTION_CLASSES = ['hot', 'warm', 'cold'] as const;
export type RetentionClass = (typeof RETENTION_CLASSES)[number];

/**
 * What a trace lacks: its root has not come or not ended; parents, or ends of spans, have not come; it was decided before
 * more could come, for want of memory, or because of its size or age; parts of it that came long before may be unknown.
 */
export type CompletenessReason =
  | 'root_missing'
  | 'parents_missing'
  | 'spans_open'
  | 'decided_early'
  | 'limit_reached'
  | 'parts_forgotten';

/** What was missing when a trace was decided, or would be if it were decided now. */
export interface Completeness {
  /** 0 to 1, where 1 lacks nothing that is known of (`completeness.ts`). */
  readonly score: number;
  /** What takes the score down. */
  readonly reasons: readonly CompletenessReason[];
  /** The root span has been received and has ended. */
  readonly rootEnded: boolean;
  /** Spans that others name as their parent and that have not arrived. */
  readonly missingParents: number;
  /** Spans that have started and not ended. */
  readonly openSpans: number;
}

/** Why a trace was kept or dropped. */
export interface Decision {
  readonly keep: boolean;
  /** 1 in `rate` traces like this one is kept, so it stands for `rate` traces; 0 where it stands for none but itself. */
  readonly rate: number;
  readonly reason: DecisionReason;
  /** The name of the rule that decided. */
  readonly policy: string;
  readonly configVersion: number;
  readonly decidedUs: number;
  /** Of a kept trace. Absent in what was decided before there were classes: `hot`. */
  readonly retention?: RetentionClass;
}

export interface ServiceCount {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
}

export interface TraceSummary {
  readonly traceId: string;
  /** Service of the root span, or of the earliest span of a headless trace. */
  readonly rootService: string;
  /** Name of the root span, or of the earliest span of a headless trace. */
  readonly rootOperation: string;
  readonly startUs: number;
  readonly durationUs: number;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly ServiceCount[];
  /** `error` when any span has an error status. */
  readonly status: 'ok' | 'error';
  readonly state: TraceState;
  /** null while the trace is live. */
  readonly decision: Decision | null;
  readonly completeness: Completeness;
}

/** The answer of `GET /api/traces/{id}`. Spans are in order of start. */
export interface Trace {
  readonly traceId: string;
  readonly state: TraceState;
  readonly decision: Decision | null;
  readonly completeness: Completeness;
  readonly spans: readonly Span[];
}

/** The answer of `GET /api/traces`. */
export interface TraceList {
  readonly traces: readonly TraceSummary[];
  /** Opaque; pass it back to get the next page, which may be shorter than its limit. null at the end. */
  readonly cursor: string | null;
  /** The page has as many traces as its limit, or all that are left. False where there was no time to look for all of them. */
  readonly complete: boolean;
  /** Where it is not complete: all were looked at down to this start, or slowest first down to this duration. */
  readonly searchedToUs?: number;
}

/** The body of every error of the native API. */
export interface ApiError {
  readonly error: {
    readonly code: string;
    readonly message: string;
    /** Where in a query line, or in `tags`, in UTF-16 units. */
    readonly offset?: number;
    readonly length?: number;
  };
}
