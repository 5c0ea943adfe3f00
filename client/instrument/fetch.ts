/**
 * A client span for each `fetch` (https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span), and a
 * `traceparent` header for the origins that may have one. The span ends with the response's head: no body is touched.
 */

import { asError } from '../api/anything.ts';
import { isQuiet } from '../api/context.ts';
import type { Span } from '../api/span.ts';
import type { Tracer } from '../api/tracer.ts';
import { formatTraceparent } from '../propagation/w3c.ts';
import { patch } from './patch.ts';
import { scrubText, scrubUrl } from './scrub-url.ts';

export interface FetchOptions {
  /** Requests to URLs that begin with this are the SDK's own, and left alone. */
  readonly endpoint: string;
  /** Origins other than the page's own that get a `traceparent`. */
  readonly propagateTo: readonly (string | RegExp)[];
}

/** Wraps the global `fetch`; the result puts the original back. */
export function instrumentFetch(tracer: Tracer, { endpoint, propagateTo }: FetchOptions): () => void {
  const mayPropagate = (url: URL) =>
    url.origin === location.origin ||
    propagateTo.some((allowed) =>
      typeof allowed === 'string' ? allowed === url.origin : url.origin.search(allowed) >= 0,
    );

  /** Starts the span; null for requests that are not ours to trace, or that are wrong and `fetch`'s own to refuse. */
  const prepare = (input: RequestInfo | URL | undefined, init: RequestInit | undefined) => {
    if (isQuiet() || input === undefined) return null;
    try {
      const request = input instanceof Request ? input : null;
      const url = new URL(request ? request.url : String(input), document.baseURI);
      if (!/^https?:$/.test(url.protocol) || url.href.startsWith(`${endpoint}/v1/`)) return null;
      const method = String(init?.method ?? request?.method ?? 'GET').toUpperCase();
      const headers = mayPropagate(url) ? new Headers(init?.headers ?? request?.headers) : null;
      const span = tracer.startSpan(method, {
        kind: 'client',
        scope: 'tailrace/fetch',
        attributes: {
          'http.request.method': method,
          'url.full': scrubUrl(url.href),
          'url.path': url.pathname,
          'server.address': url.hostname,
        },
      });
      if (headers) inject(span, headers);
      return { span, options: headers ? { ...init, headers } : init };
    } catch {
      return null;
    }
  };

  return patch(globalThis, 'fetch', (original) => (...args) => {
    const [input, init] = args;
    const prepared = prepare(input, init);
    if (!prepared) return original.apply(globalThis, args);
    const { span, options } = prepared;
    return original.call(globalThis, input, options).then(
      (response) => {
        span.setAttribute('http.response.status_code', response.status || undefined);
        if (response.status >= 400) span.setAttribute('error.type', String(response.status)).setStatus('error');
        span.end();
        return response;
      },
      (error: unknown) => {
        const { name, message } = asError(error);
        span.setAttribute('error.type', name).setStatus('error', scrubText(message)).end();
        throw error;
      },
    );
  });
}

/** Adds the header, unless the page has set one itself. */
function inject({ context }: Span, headers: Headers): void {
  if (headers.has('traceparent')) return;
  headers.set('traceparent', formatTraceparent(context));
  if (context.traceState) headers.set('tracestate', context.traceState);
}
