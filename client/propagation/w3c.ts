/** W3C Trace Context: the `traceparent` and `tracestate` headers (https://www.w3.org/TR/trace-context-2/). */

import { isSpanId, isTraceId } from '../../model/ids.ts';

/** The identity of a span as it travels between processes. */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex digits, not all zero. */
  readonly spanId: string;
  /** W3C trace flags: 1 = sampled, 2 = the trace id's last 7 bytes are random. */
  readonly flags: number;
  /** The tracestate header as it came, to be passed on; absent or empty when there is none. */
  readonly traceState?: string;
}

export const FLAG_SAMPLED = 1;
export const FLAG_RANDOM = 2;

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const MAX_TRACESTATE_CHARS = 512;

/**
 * Parses a `traceparent` header; null for anything the specification calls invalid, so that a bad one starts a new
 * trace. Of a version newer than 00 the known fields are read; flags that this version does not define are cleared.
 */
export function parseTraceparent(text: string | null | undefined): TraceContext | null {
  const match = TRACEPARENT.exec((text ?? '').trim());
  if (!match) return null;
  const [, version, traceId, spanId, flags, rest] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ];
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null;
  if (!isTraceId(traceId) || !isSpanId(spanId)) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & (FLAG_SAMPLED | FLAG_RANDOM) };
}

/** Formats a context as a version 00 `traceparent`. */
export function formatTraceparent(context: TraceContext): string {
  const flags = context.flags & (FLAG_SAMPLED | FLAG_RANDOM);
  return `00-${context.traceId}-${context.spanId}-0${flags}`;
}

/**
 * The `tracestate` header in the form to pass on, or an empty string when there is none or it cannot be passed on:
 * not printable ASCII, or longer than the 512 characters every participant has to carry.
 */
export function parseTraceState(text: string | null | undefined): string {
  const trimmed = (text ?? '').trim();
  return trimmed.length <= MAX_TRACESTATE_CHARS && /^[\x20-\x7e]*$/.test(trimmed) ? trimmed : '';
}
