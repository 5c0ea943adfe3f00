/** Samples of rejected spans, on their way from this isolate to the Ledger. A few at a time, however many are rejected. */

import type { Env } from '../../durable-objects/env.ts';
import type { RejectedSpan } from '../../durable-objects/quarantine.ts';
import { MAX_SAMPLE_BYTES, MAX_SAMPLES_AT_ONCE } from '../../model/limits.ts';
import type { RejectionReason } from '../../model/reasons.ts';
import { HttpError } from '../errors.ts';

/** Of one reason, so that a flood of one leaves room for others. */
const MAX_OF_A_REASON = 4;
const MAX_MESSAGE_CHARS = 300;
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

let waiting: RejectedSpan[] = [];

/** Takes a sample where there is room; `sample` is only called then. */
export function offerSample(
  reason: RejectionReason,
  sample: () => Omit<RejectedSpan, 'reason' | 'message'> & { message: string },
): void {
  if (waiting.length >= MAX_SAMPLES_AT_ONCE) return;
  let same = 0;
  for (const other of waiting) if (other.reason === reason) same++;
  if (same >= MAX_OF_A_REASON) return;
  const { message, ...rest } = sample();
  waiting.push({ reason, message: message.slice(0, MAX_MESSAGE_CHARS), ...rest });
}

/** The first bytes of a span, printable: what is not ASCII stands as `\x0a`. */
export function escapeBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes.subarray(0, MAX_SAMPLE_BYTES)) {
    const isPrintable = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += isPrintable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

/** Tells the Ledger. What it does not take is lost: they are samples. */
export async function flushSamples(env: Env): Promise<void> {
  if (waiting.length === 0) return;
  const sent = waiting;
  waiting = [];
  await env.LEDGER.getByName('ledger')
    .quarantine(sent)
    .catch((error: Error) => console.error(`samples of rejected spans are lost: ${error.message}`));
}

/** `GET /api/quarantine`: newest first. */
export async function listQuarantine(env: Env, query: Readonly<Record<string, string>>): Promise<Response> {
  const limit = query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new HttpError(400, 'bad_parameter', `limit is ${JSON.stringify(query.limit)}; want 1 to ${MAX_LIMIT}`);
  }
  const before = query.cursor === undefined ? null : Number(query.cursor);
  if (before !== null && !Number.isSafeInteger(before)) {
    throw new HttpError(400, 'bad_parameter', 'cursor is not one that this API gave out');
  }
  await flushSamples(env);
  const spans = await env.LEDGER.getByName('ledger').readQuarantine(before, limit + 1);
  const page = spans.slice(0, limit);
  return Response.json({ spans: page, cursor: spans.length > limit ? String(page.at(-1)!.id) : null });
}
