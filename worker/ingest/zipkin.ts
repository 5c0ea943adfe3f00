/** `POST /api/v2/spans`: Zipkin v2 in JSON and protobuf (https://zipkin.io/zipkin-api/). */

import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { ProtoError } from '../../model/otlp/proto-reader.ts';
import { encodeZipkinJson } from '../../model/zipkin/json.ts';
import { encodeZipkinProtobuf } from '../../model/zipkin/protobuf.ts';
import { IngestError } from '../errors.ts';
import { mediaType, readDecompressedBody } from './body.ts';
import type { InFlight } from './in-flight.ts';
import { fromJsonBody } from './json-body.ts';
import { Rejections } from './rejections.ts';
import { takeTraces, toIngestError } from './take.ts';

const WHAT = 'a list of Zipkin spans';

/** Answers 202 and nothing, as Zipkin does: what was rejected is counted, and those beside it are taken. */
export async function ingestZipkin(
  c: Context<{ Bindings: Env }>,
  config: CurrentConfig,
  inFlight: InFlight,
): Promise<Response> {
  const type = mediaType(c.req.raw);
  if (type !== 'application/json' && type !== 'application/x-protobuf') {
    throw new IngestError(
      415,
      'unsupported_media_type',
      `Content-Type ${type || 'is missing'}: use application/json or application/x-protobuf`,
    );
  }
  const body = await readDecompressedBody(c.req.raw, inFlight, config.ingest.maxBodyBytes);
  const { otlp, rejections: rejected } =
    type === 'application/json' ? fromJsonBody(body, WHAT, encodeZipkinJson) : fromProtobuf(body);
  const rejections = new Rejections();
  for (const { reason, message } of rejected) rejections.add(reason, () => message);
  await takeTraces(c.env, config, otlp, { protocol: 'zipkin', sender: c.var.caller, what: WHAT, flags: 0 }, rejections);
  return new Response(null, { status: 202 });
}

function fromProtobuf(body: Uint8Array): ReturnType<typeof encodeZipkinProtobuf> {
  try {
    return encodeZipkinProtobuf(body);
  } catch (error) {
    throw toIngestError(error, error instanceof ProtoError, WHAT);
  }
}
