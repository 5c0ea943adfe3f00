/** Client spans for the requests a Worker makes, and `traceparent` on those that may carry it. */

import { formatTraceparent } from '../propagation/w3c.ts';
import { type ActiveSpan, activeSpan } from './active-span.ts';
import { clientAttributes, methodName } from './http-attributes.ts';
import { KIND_CLIENT } from './span.ts';

type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

let patched = false;

/** Puts a fetch in place of the global one that records a span inside traced requests. A second call does nothing. */
export function patchGlobalFetch(): void {
  if (patched) return;
  patched = true;
  const original = globalThis.fetch.bind(globalThis) as Fetch;
  globalThis.fetch = function fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    return traceFetch(original, null, input, init);
  } as typeof globalThis.fetch;
}

/** Calls `fetch`, in a traced request inside a client span; `binding` is the name of the service binding it belongs to, null for the global one. */
export function traceFetch(
  fetch: Fetch,
  binding: string | null,
  input: RequestInfo | URL,
  init: RequestInit | undefined,
): Promise<Response> {
  const active = activeSpan.getStore();
  const prepared = active ? prepare(active, binding, input, init) : null;
  return prepared ? run(fetch, prepared) : fetch(input, init);
}

type Prepared = { readonly request: Request; readonly span: NonNullable<ReturnType<ActiveSpan['trace']['startSpan']>> };

/** The request with its span; null when it is not one, so that the runtime's fetch says so in its own words. */
function prepare(
  { trace, span: parent }: ActiveSpan,
  binding: string | null,
  input: RequestInfo | URL,
  init: RequestInit | undefined,
): Prepared | null {
  let request: Request;
  try {
    // What fetch(input, init) does first itself, so nothing is lost: body, cf, signal and redirect mode included.
    request = new Request(input, init);
  } catch {
    return null;
  }
  const span = trace.startSpan(methodName(request.method), KIND_CLIENT, parent, 'tailrace/fetch');
  if (!span) return null;
  for (const [key, value] of clientAttributes(request, binding)) span.setAttribute(key, value);
  if (binding !== null || mayPropagate(request.url, trace.origin, trace.options.propagateTo)) {
    request.headers.set('traceparent', formatTraceparent(span.context));
    if (span.context.traceState) request.headers.set('tracestate', span.context.traceState);
  }
  return { request, span };
}

async function run(fetch: Fetch, { request, span }: Prepared): Promise<Response> {
  try {
    const response = await fetch(request);
    span.setAttribute('http.response.status_code', response.status);
    if (response.status >= 400) {
      span.setAttribute('error.type', String(response.status));
      span.setStatus('error');
    }
    return response;
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}

/** No header goes to an origin that was not allowed. */
function mayPropagate(url: string, ownOrigin: string, allowed: readonly (string | RegExp)[]): boolean {
  const { origin } = new URL(url);
  // `search` and not `test`: a pattern with the flag `g` would remember where it was.
  return (
    origin === ownOrigin ||
    allowed.some((rule) => (typeof rule === 'string' ? rule === origin : origin.search(rule) >= 0))
  );
}
