/** What was wrong with single spans of a request: counted by reason, and the first ones in words for the sender. */

import { MAX_ENVELOPE_BYTES, MAX_SPAN_BYTES } from '../../model/limits.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import type { RejectionReason } from '../../model/reasons.ts';
import { countRejected } from '../counters.ts';

const WANT: Readonly<Record<RejectionReason, string>> = {
  invalid_trace_id: 'the trace id must be 16 bytes that are not all zero',
  invalid_span_id: 'the span id must be 8 bytes that are not all zero',
  invalid_parent_span_id: 'the parent span id must be 8 bytes, or absent',
  invalid_time: 'start and end must be nanoseconds since the epoch, and a start is required',
  malformed_span: 'its protobuf is broken or nested too deeply',
  span_too_large: `a span may have ${MAX_SPAN_BYTES} bytes`,
  resource_too_large: `its resource and scope may have ${MAX_ENVELOPE_BYTES} bytes together`,
};

const MAX_MESSAGES = 20;

export class Rejections {
  count = 0;
  /** Where and what the first ones were. */
  readonly messages: string[] = [];
  private readonly reasons = new Map<RejectionReason, number>();

  add(reason: RejectionReason, message: () => string): void {
    this.count++;
    if (this.messages.length < MAX_MESSAGES) this.messages.push(message());
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  get firstMessage(): string | null {
    return this.messages[0] ?? null;
  }

  /** Adds the rejected rows of a table. */
  addTable(table: SpanTable): void {
    for (let i = 0; i < table.count; i++) {
      const reason = table.rejection(i);
      if (reason) this.add(reason, () => `span ${i} (${table.name(i).slice(0, 100)}): ${WANT[reason]}`);
    }
  }

  /** Into the counters of `/metrics`. */
  report(): void {
    for (const [reason, spans] of this.reasons) countRejected(reason, spans);
  }
}
