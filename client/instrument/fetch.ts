/**
 * A client span for each `fetch` (https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span), and a
 * `traceparent` header for the origins that may have one. The span ends with the response's head: no body is touched.
 */

import type { Tracer } from '../api/tracer.ts';
import { formatTraceparent } from '../propagation/w3c.ts';

export interface FetchOptions {
  /** Requests to URLs that begin with this are the SDK's own, and left alone. */
  readonly endpoint: string;
  /** Origins other than the page's own that get a `traceparent`. */
  readonly propagateTo: readonly (string | RegExp)[];
}

/** Wraps the global `fetch`; the result puts the original back. */
export function instrumentFetch(tracer: Tracer, { endpoint, propagateTo }: FetchOptions): () => void {
  const original = globalThis.fetch;
  const mayPropagate = (url: URL) =>
    url.origin === location.origin ||
    propagateTo.some((allowed) => (typeof allowed === 'string' ? allowed === url.origin : allowed.test(url.origin)));

  const traced = function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const url = urlOf(input);
    // What cannot be understood is left to fetch itself to refuse.
    if (!url || url.href.startsWith(`${endpoint}/v1/`)) return original.call(globalThis, input, init);
    const method = String(init?.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase();
    const span = tracer.startSpan(method, {
      kind: 'client',
      scope: 'tailrace/fetch',
      attributes: {
        'http.request.method': method,
        // Queries and user names often hold secrets.
        'url.full': url.origin + url.pathname,
        'server.address': url.hostname,
      },
    });
    const options = mayPropagate(url) ? withTraceparent(input, init, formatTraceparent(span.context)) : init;
    return original.call(globalThis, input, options).then(
      (response) => {
        span.setAttribute('http.response.status_code', response.status);
        if (response.status >= 400) {
          span.setAttribute('error.type', String(response.status)).setStatus('error');
        }
        span.end();
        return response;
      },
      (error: unknown) => {
        const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
        span.setAttribute('error.type', name).setStatus('error', message).end();
        throw error;
      },
    );
  };

  globalThis.fetch = traced;
  return () => {
    // Somebody may have wrapped ours meanwhile; theirs must stay.
    if (globalThis.fetch === traced) globalThis.fetch = original;
  };
}

function urlOf(input: RequestInfo | URL): URL | null {
  try {
    return new URL(input instanceof Request ? input.url : String(input), location.href);
  } catch {
    return null;
  }
}

/** The options with the header added; one that the page has set itself stays. */
function withTraceparent(input: RequestInfo | URL, init: RequestInit | undefined, traceparent: string): RequestInit {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  if (!headers.has('traceparent')) headers.set('traceparent', traceparent);
  return { ...init, headers };
}
