/** A span's ids for log lines, under the names OpenTelemetry gives them outside of OTLP. */

import { isTraceId } from '../../model/ids.ts';
import type { TraceContext } from './w3c.ts';

/** https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/ */
export interface LogFields {
  /** 32 hex digits. */
  readonly trace_id?: string;
  /** 16 hex digits. */
  readonly span_id?: string;
  /** 2 hex digits: 01 and 03 are sampled. */
  readonly trace_flags?: string;
}

const NONE = { traceId: '', spanId: '', flags: 0 };

/** What to put into a log line that is about this span; an empty object where there is none. */
export function logFields(span: { readonly context: TraceContext } | null | undefined): LogFields {
  const { traceId, spanId, flags } = span?.context ?? NONE;
  if (!isTraceId(traceId)) return {};
  return { trace_id: traceId, span_id: spanId, trace_flags: flags.toString(16).padStart(2, '0') };
}
