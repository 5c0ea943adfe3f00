/** What pages of other origins may send here and read of the answer (https://fetch.spec.whatwg.org/#http-cors-protocol). */

import type { Context } from 'hono';
import type { Key } from '../../durable-objects/keys.ts';

const MAX_AGE_SECONDS = 86_400;
/** Of OTLP, and of gRPC-Web and Connect beside it. */
const ALLOWED_HEADERS =
  'authorization, content-encoding, content-type, connect-protocol-version, connect-timeout-ms, grpc-timeout, x-grpc-web, x-user-agent';
/** What SDKs read. */
const EXPOSED_HEADERS =
  'retry-after, tailrace-pressure, tailrace-directives, grpc-status, grpc-message, grpc-status-details-bin';

/**
 * Lets the origin read the answer. `*`, which no credentials go with, where the key is not bound to origins or not known; false
 * where the key is not for this origin, and then its page reads nothing.
 */
export function allowOrigin(c: Context, origin: string | undefined, key: Key | null): boolean {
  const { headers } = c.res;
  headers.set('vary', 'origin');
  const isBound = key?.class === 'page';
  const isAllowed = !isBound || (origin !== undefined && key.origins.includes(origin));
  headers.delete('access-control-allow-origin');
  if (isAllowed && origin !== undefined) {
    headers.set('access-control-allow-origin', isBound ? origin : '*');
    headers.set('access-control-expose-headers', EXPOSED_HEADERS);
  }
  return isAllowed;
}

/** Answers a browser that asks whether a page may send; the key is known where it is in the query. */
export function answerPreflight(c: Context, origin: string | undefined, key: Key | null): Response {
  if (allowOrigin(c, origin, key)) {
    c.res.headers.set('access-control-allow-methods', 'POST');
    c.res.headers.set('access-control-allow-headers', ALLOWED_HEADERS);
    c.res.headers.set('access-control-max-age', String(MAX_AGE_SECONDS));
  }
  return c.body(null, 204);
}
