/** Sends batches as OTLP: all that makes, keeps and resends them stays as it is. */

import { DIRECTIVES_HEADER } from '../../model/sdk-config.ts';
import type { Fetch } from '../recorder/exporter.ts';
import { toOtlp } from './to-otlp.ts';

type Headers = Readonly<Record<string, string>>;

/** What browsers let keepalive requests have in flight together (https://fetch.spec.whatwg.org/). */
const KEEPALIVE_BYTES = 64 * 1024;

/** A `fetch` for requests whose bodies are batches. One without a span to send is answered here. */
export function otlpFetch(fetch: Fetch, headers: Headers): Fetch {
  return async (url, init) => {
    const body = toOtlp(init.body as Uint8Array<ArrayBuffer>);
    const answer = body ? await fetch(url, requestOf(init, body, headers)) : null;
    // What is asked for is what the edge says of a batch; who takes OTLP says it in protobuf, and we may not be able to read it.
    if (!answer || answer.ok) return Response.json({});
    const { status } = answer;
    const kept = new Headers(answer.headers);
    // An edge means it for those who send batches, and have a `/v1/batch` to say something back to.
    kept.delete(DIRECTIVES_HEADER);
    return new Response(null, { status, headers: kept });
  };
}

/**
 * In place of `navigator.sendBeacon`, which can neither send headers nor be told that the body is protobuf without
 * losing it. False when there is no room: OTLP is some four times as large as the batch.
 */
export function createBeacon(fetch: Fetch, headers: Headers): (url: string, batch: Uint8Array<ArrayBuffer>) => boolean {
  let inFlightBytes = 0;
  return (url, batch) => {
    const body = toOtlp(batch);
    if (!body) return true;
    if (inFlightBytes + body.length > KEEPALIVE_BYTES) return false;
    inFlightBytes += body.length;
    const done = () => {
      inFlightBytes -= body.length;
    };
    const init = { method: 'POST', keepalive: true, credentials: 'omit' } as const;
    fetch(url, requestOf(init, body, headers)).then(done, done);
    return true;
  };
}

function requestOf(init: RequestInit, body: Uint8Array<ArrayBuffer>, headers: Headers): RequestInit {
  return { ...init, body, headers: { ...headers, 'content-type': 'application/x-protobuf' } };
}
