/** `POST /v1/traces`: OTLP/HTTP in protobuf and JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp). */

import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { encodeJsonTraces } from '../../model/otlp/json.ts';
import { ProtoWriter } from '../../model/otlp/proto-writer.ts';
import { WORKER_DROP_REASONS } from '../../model/reasons.ts';
import { SLICE_HAS_UNSAMPLED } from '../../model/slice-frame.ts';
import { countDropped } from '../counters.ts';
import { type HttpError, IngestError } from '../errors.ts';
import { mediaType, readDecompressedBody } from './body.ts';
import type { InFlight } from './in-flight.ts';
import { fromJsonBody } from './json-body.ts';
import { Rejections } from './rejections.ts';
import { encodeStatus, statusJson } from './rpc-status.ts';
import { takeTraces } from './take.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

export async function ingestOtlp(
  c: Context<{ Bindings: Env }>,
  config: CurrentConfig,
  inFlight: InFlight,
): Promise<Response> {
  const type = mediaType(c.req.raw);
  if (type !== PROTOBUF && type !== JSON_TYPE) {
    throw new IngestError(
      415,
      'unsupported_media_type',
      `Content-Type ${type || 'is missing'}: use ${PROTOBUF} or ${JSON_TYPE}`,
    );
  }
  const body = await readDecompressedBody(c.req.raw, inFlight, config.ingest.maxBodyBytes);
  const rejections = new Rejections();
  const isJson = type === JSON_TYPE;
  await takeTraces(
    c.env,
    config,
    isJson ? fromJson(body, rejections) : body,
    {
      protocol: isJson ? 'otlp_json' : 'otlp_protobuf',
      sender: c.var.caller,
      what: isJson ? 'OTLP/JSON' : 'an OTLP trace request',
      // Our SDK in a Worker says so of each request.
      flags: c.req.header('tailrace-unsampled') === 'sent' ? SLICE_HAS_UNSAMPLED : 0,
    },
    rejections,
  );
  countLosses(c.req.header('tailrace-lost-spans'));
  if (isJson) return Response.json(exportResponseJson(rejections));
  return new Response(exportResponse(rejections), { headers: { 'content-type': PROTOBUF } });
}

/** Spans that our SDK in a Worker has lost since its last export: `reason=count`, joined by commas. */
function countLosses(header: string | undefined): void {
  if (header === undefined) return;
  for (const reason of WORKER_DROP_REASONS) {
    const spans = new RegExp(`(?:^|,)${reason}=(\\d{1,9})(?:,|$)`).exec(header)?.[1];
    if (spans) countDropped(reason, Number(spans));
  }
}

/** An error in the request's own encoding, as google.rpc.Status. */
export function otlpError(request: Request, error: HttpError): Response {
  const { status, headers } = error;
  if (mediaType(request) !== PROTOBUF) return Response.json(statusJson(error), { status, headers });
  return new Response(encodeStatus(error), { status, headers: { ...headers, 'content-type': PROTOBUF } });
}

/** OTLP/JSON as protobuf; its bad spans go to the rejections. */
export function fromJson(body: Uint8Array, rejections: Rejections): Uint8Array {
  const { otlp, rejections: rejected } = fromJsonBody(body, 'OTLP/JSON', encodeJsonTraces);
  for (const { reason, message } of rejected) rejections.add(reason, () => message);
  return otlp;
}

/** ExportTraceServiceResponse: empty when everything was taken, else a partial success. */
export function exportResponse({ count, firstMessage }: Rejections): Uint8Array {
  const writer = new ProtoWriter(128);
  if (firstMessage !== null) {
    const partial = writer.begin(1);
    writer.varintField(1, count);
    writer.stringField(2, firstMessage);
    writer.end(partial);
  }
  return writer.finish();
}

/** The same in JSON. */
export function exportResponseJson({ count, firstMessage }: Rejections): Readonly<Record<string, unknown>> {
  if (firstMessage === null) return {};
  return { partialSuccess: { rejectedSpans: String(count), errorMessage: firstMessage } };
}
