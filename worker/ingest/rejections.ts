/** What was wrong with single spans of a request: counted by reason, and the first ones in words for the sender. */

import { MAX_ENVELOPE_BYTES, MAX_SPAN_BYTES } from '../../model/limits.ts';
import type { SpanTable } from '../../model/otlp/span-table.ts';
import type { RejectionReason } from '../../model/reasons.ts';
import { countRejected, type Protocol } from '../counters.ts';
import type { Caller } from '../keys/caller.ts';
import { escapeBytes, offerSample } from './quarantine.ts';

const WANT: Readonly<Record<RejectionReason, string>> = {
  invalid_trace_id: 'the trace id must be 16 bytes that are not all zero',
  invalid_span_id: 'the span id must be 8 bytes that are not all zero',
  invalid_parent_span_id: 'the parent span id must be 8 bytes, or absent',
  invalid_time:
    'start and end must be nanoseconds since the epoch, within what this deployment takes in, and a start is required',
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
  /** The first one of each reason. */
  private readonly samples = new Map<RejectionReason, { readonly message: string; readonly bytes: string | null }>();

  /** `bytes`: of the span, where it is OTLP. */
  add(reason: RejectionReason, message: () => string, bytes: () => Uint8Array | null = () => null): void {
    this.count++;
    const isMessage = this.messages.length < MAX_MESSAGES;
    const before = this.reasons.get(reason) ?? 0;
    this.reasons.set(reason, before + 1);
    if (!isMessage && before > 0) return;
    const text = message();
    if (isMessage) this.messages.push(text);
    if (before > 0) return;
    const span = bytes();
    this.samples.set(reason, { message: text, bytes: span && escapeBytes(span) });
  }

  get firstMessage(): string | null {
    return this.messages[0] ?? null;
  }

  /** Adds the rejected rows of a table. */
  addTable(table: SpanTable): void {
    for (let i = 0; i < table.count; i++) {
      const reason = table.rejection(i);
      if (!reason) continue;
      const message = () => `span ${i} (${table.name(i).slice(0, 100)}): ${WANT[reason]}`;
      this.add(reason, message, () => table.bytes.subarray(table.start[i], table.end[i]));
    }
  }

  /** Into the counters of `/metrics`, and one of each reason into the quarantine. */
  report(protocol: Protocol, { who, class: keyClass }: Caller, atUs: number): void {
    for (const [reason, spans] of this.reasons) countRejected(reason, spans);
    for (const [reason, sample] of this.samples)
      offerSample(reason, () => ({ atUs, protocol, who, class: keyClass, ...sample }));
  }
}
