/**
 * `POST /opentelemetry.proto.collector.trace.v1.TraceService/Export`: OTLP as gRPC-Web
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md) and as a unary call of Connect
 * (https://connectrpc.com/docs/protocol). The message is not decoded: its bytes go to the scanner.
 */

import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import { ConnectError } from '@connectrpc/connect';
import { compressedFlag, encodeEnvelope } from '@connectrpc/connect/protocol';
import { errorToJson, protocolVersion } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus, trailerFlag, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';
import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { Protocol } from '../counters.ts';
import { type HttpError, IngestError } from '../errors.ts';
import { decompressBody, ENCODINGS, mediaType, readBody, readDecompressedBody } from './body.ts';
import type { InFlight } from './in-flight.ts';
import { exportResponse, exportResponseJson, fromJson } from './otlp.ts';
import { Rejections } from './rejections.ts';
import { grpcCode, statusDetails } from './rpc-status.ts';
import { takeTraces } from './take.ts';

export const EXPORT_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

const GRPC_WEB = /^application\/grpc-web(-text)?(?:\+proto)?$/;
const CONNECT = /^application\/(?:proto|json)$/;
/** A gRPC message stands behind a byte of flags and four of length. */
const ENVELOPE_BYTES = 5;
/** gRPC's code for what a server does not have. */
const UNIMPLEMENTED = 12;

export async function ingestRpc(
  c: Context<{ Bindings: Env }>,
  config: CurrentConfig,
  inFlight: InFlight,
): Promise<Response> {
  const request = c.req.raw;
  const type = mediaType(request);
  const rejections = new Rejections();
  const take = (otlp: Uint8Array, protocol: Protocol) =>
    takeTraces(
      c.env,
      config,
      otlp,
      { protocol, sender: c.var.caller, what: 'an OTLP trace request', flags: 0 },
      rejections,
    );
  const web = GRPC_WEB.exec(type);
  if (web) {
    const body = await readBody(request, inFlight, config.ingest.maxBodyBytes);
    const envelope = web[1] ? fromBase64(body) : body;
    const encoding = request.headers.get('grpc-encoding') ?? 'identity';
    await take(messageOf(envelope, encoding, inFlight, config.ingest.maxBodyBytes), 'grpc_web');
    const trailers = encodeEnvelope(trailerFlag, trailerSerialize(setTrailerStatus(new Headers(), undefined)));
    const answer = concatBytes([encodeEnvelope(0, exportResponse(rejections)), trailers]);
    return new Response(web[1] ? base64Encode(answer) : answer, { headers: { 'content-type': type } });
  }
  if (CONNECT.test(type)) {
    checkVersion(request.headers.get('connect-protocol-version'));
    const body = await readDecompressedBody(request, inFlight, config.ingest.maxBodyBytes);
    const isJson = type === 'application/json';
    await take(isJson ? fromJson(body, rejections) : body, 'connect');
    if (isJson) return Response.json(exportResponseJson(rejections));
    return new Response(exportResponse(rejections), { headers: { 'content-type': type } });
  }
  throw new IngestError(
    415,
    'unsupported_media_type',
    `Content-Type ${type || 'is missing'}: use application/grpc-web+proto, application/grpc-web-text, application/proto or application/json`,
  );
}

/** An error as the client's protocol has it: a status in trailers, or Connect's JSON. */
export function rpcError(request: Request, failure: HttpError): Response {
  const type = mediaType(request);
  const code = failure.code === 'unsupported_encoding' ? UNIMPLEMENTED : grpcCode(failure);
  const error = new ConnectError(failure.message, code);
  error.details.push(...statusDetails(failure));
  if (GRPC_WEB.test(type)) {
    const headers = setTrailerStatus(new Headers({ 'content-type': type, ...failure.headers }), error);
    headers.set('grpc-accept-encoding', ENCODINGS.join());
    return new Response(null, { headers });
  }
  return Response.json(errorToJson(error, undefined), { status: failure.status, headers: failure.headers });
}

function checkVersion(version: string | null): void {
  if (version === null || version === protocolVersion) return;
  throw new IngestError(400, 'malformed_body', `connect-protocol-version ${version}: use ${protocolVersion}`);
}

/** The only message of a gRPC-Web request, decompressed. */
function messageOf(body: Uint8Array, encoding: string, inFlight: InFlight, maxBytes: number): Uint8Array {
  const length = body.length < ENVELOPE_BYTES ? -1 : new DataView(body.buffer, body.byteOffset).getUint32(1);
  if (length !== body.length - ENVELOPE_BYTES) {
    throw new IngestError(400, 'malformed_body', 'the body is not one gRPC message of the length that it says');
  }
  const message = body.subarray(ENVELOPE_BYTES);
  return body[0]! & compressedFlag ? decompressBody(message, encoding, inFlight, maxBytes) : message;
}

/** The text may be several pieces, each with padding of its own. */
function fromBase64(text: Uint8Array): Uint8Array {
  try {
    // One array for all: as many pieces as fit into a body would not fit into memory.
    const bytes = new Uint8Array(text.length);
    let length = 0;
    for (const [piece] of new TextDecoder().decode(text).matchAll(/[^=]+=*/g)) {
      const decoded = base64Decode(piece);
      bytes.set(decoded, length);
      length += decoded.length;
    }
    return bytes.subarray(0, length);
  } catch {
    throw new IngestError(400, 'malformed_body', 'the body is not base64');
  }
}
