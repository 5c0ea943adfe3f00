/** `POST /v1/traces`: OTLP/HTTP in protobuf and JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp). */

import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { MAX_JSON_OBJECTS } from '../../model/limits.ts';
import { encodeJsonTraces } from '../../model/otlp/json.ts';
import { JsonError } from '../../model/otlp/json-access.ts';
import { TooManyError } from '../../model/otlp/proto-reader.ts';
import { ProtoWriter } from '../../model/otlp/proto-writer.ts';
import { WORKER_DROP_REASONS } from '../../model/reasons.ts';
import { countDropped } from '../counters.ts';
import { type HttpError, IngestError } from '../errors.ts';
import { readDecompressedBody } from './body.ts';
import type { InFlight } from './in-flight.ts';
import { Rejections } from './rejections.ts';
import { takeTraces, toIngestError } from './take.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
const JSON_DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
const GRPC_CODES: Readonly<Record<number, number>> = { 400: 3, 401: 16, 403: 7, 413: 8, 415: 3, 429: 8, 503: 14 };

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
  const body = await readDecompressedBody(c.req.raw, inFlight);
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
      flags: 0,
    },
    rejections,
  );
  countLosses(c.req.header('tailrace-lost-spans'));
  return answer(type, rejections);
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
  const code = GRPC_CODES[error.status] ?? 2;
  if (mediaType(request) !== PROTOBUF) {
    return Response.json({ code, message: error.message }, { status: error.status, headers: error.headers });
  }
  const writer = new ProtoWriter(128);
  writer.varintField(1, code);
  writer.stringField(2, error.message);
  return new Response(writer.finish(), {
    status: error.status,
    headers: { 'content-type': PROTOBUF, ...error.headers },
  });
}

/** The same as protobuf. */
function fromJson(body: Uint8Array, rejections: Rejections): Uint8Array {
  try {
    checkObjectCount(body);
    const { otlp, rejections: rejected } = encodeJsonTraces(JSON.parse(JSON_DECODER.decode(body)));
    for (const { reason, message } of rejected) rejections.add(reason, () => message);
    return otlp;
  } catch (error) {
    // What JSON.parse, TextDecoder and the encoder throw is about the body.
    const isFault = error instanceof SyntaxError || error instanceof TypeError || error instanceof JsonError;
    throw toIngestError(error, isFault, 'OTLP/JSON');
  }
}

/** A few bytes of JSON become an object of a hundred: what would fill the isolate is refused before it is parsed. */
function checkObjectCount(body: Uint8Array): void {
  let count = 0;
  for (const byte of body) if (byte === 0x7b || byte === 0x5b) count++;
  if (count > MAX_JSON_OBJECTS) throw new TooManyError(`more than ${MAX_JSON_OBJECTS} objects and arrays`);
}

/** ExportTraceServiceResponse: empty when everything was taken, else a partial success. */
function answer(type: string, { count, firstMessage }: Rejections): Response {
  if (type === JSON_TYPE) {
    return Response.json(
      firstMessage === null ? {} : { partialSuccess: { rejectedSpans: String(count), errorMessage: firstMessage } },
    );
  }
  const writer = new ProtoWriter(128);
  if (firstMessage !== null) {
    const partial = writer.begin(1);
    writer.varintField(1, count);
    writer.stringField(2, firstMessage);
    writer.end(partial);
  }
  return new Response(writer.finish(), { headers: { 'content-type': type } });
}

function mediaType(request: Request): string {
  return (request.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
}
