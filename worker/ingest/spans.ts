/** `POST /v1/spans`: plain JSON spans, for senders without a tracing library (`model/spans/json.ts`). */

import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { encodeJsonSpans } from '../../model/spans/json.ts';
import { type HttpError, IngestError } from '../errors.ts';
import { mediaType, readDecompressedBody } from './body.ts';
import type { InFlight } from './in-flight.ts';
import { fromJsonBody } from './json-body.ts';
import { Rejections } from './rejections.ts';
import { takeTraces } from './take.ts';

const WHAT = 'a list of spans in JSON';

/** What every request gets, one that was refused too. */
interface SpansAnswer {
  /** Spans. */
  readonly accepted: number;
  readonly rejected: number;
  /** Where and what, of the first rejections. */
  readonly errors: readonly string[];
  /** 0 where sending it again is of no use. */
  readonly retryAfterSeconds: number;
}

export async function ingestSpans(
  c: Context<{ Bindings: Env }>,
  config: CurrentConfig,
  inFlight: InFlight,
): Promise<Response> {
  const type = mediaType(c.req.raw);
  if (type !== 'application/json') {
    throw new IngestError(415, 'unsupported_media_type', `Content-Type ${type || 'is missing'}: use application/json`);
  }
  const body = await readDecompressedBody(c.req.raw, inFlight, config.ingest.maxBodyBytes);
  const { otlp, rejections: rejected } = fromJsonBody(body, WHAT, encodeJsonSpans);
  const rejections = new Rejections();
  for (const { reason, message } of rejected) rejections.add(reason, () => message);
  const good = await takeTraces(
    c.env,
    config,
    otlp,
    { protocol: 'spans', sender: c.var.caller, what: WHAT, flags: 0 },
    rejections,
  );
  const { count, messages } = rejections;
  return answer(200, { accepted: good, rejected: count, errors: messages, retryAfterSeconds: 0 });
}

export function spansError(error: HttpError): Response {
  const { status, message, retryAfterSeconds = 0 } = error;
  return answer(status, { accepted: 0, rejected: 0, errors: [message], retryAfterSeconds });
}

function answer(status: number, body: SpansAnswer): Response {
  return Response.json(body, { status });
}
