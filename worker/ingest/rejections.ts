/** The rejected rows of a table in words. */

import { MAX_SPAN_BYTES } from '../../model/limits.ts';
import type { JsonRejection } from '../../model/otlp/json.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import type { RejectionReason } from '../../model/reasons.ts';

const WANT: Readonly<Record<RejectionReason, string>> = {
  invalid_trace_id: 'the trace id must be 16 bytes that are not all zero',
  invalid_span_id: 'the span id must be 8 bytes that are not all zero',
  invalid_parent_span_id: 'the parent span id must be 8 bytes, or absent',
  invalid_time: 'start and end must be nanoseconds since the epoch, and a start is required',
  malformed_span: 'its protobuf is broken or nested too deeply',
  span_too_large: `a span may have ${MAX_SPAN_BYTES} bytes`,
};

/** Reason and message for each rejected row, in the order of the message. */
export function tableRejections(table: SpanTable): JsonRejection[] {
  const rejections: JsonRejection[] = [];
  for (let i = 0; i < table.count; i++) {
    const reason = table.rejection(i);
    if (reason) rejections.push({ reason, message: `span ${i} (${table.name(i)}): ${WANT[reason]}` });
  }
  return rejections;
}
