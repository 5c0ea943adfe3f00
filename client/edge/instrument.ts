/** Traces the requests a Worker answers. */

import { parseTraceparent, parseTraceState, type TraceContext } from '../propagation/w3c.ts';
import { activeSpan } from './active-span.ts';
import { traceBindings } from './bindings.ts';
import { methodName, serverAttributes } from './http-attributes.ts';
import { type EdgeOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { patchGlobalFetch } from './outgoing.ts';
import { ask, isPaused, isToBeAsked } from './remote.ts';
import { RequestTrace } from './request-trace.ts';
import { KIND_SERVER, type RecordingSpan } from './span.ts';

/**
 * The handler with its `fetch` traced: one server span a request, which continues the caller's `traceparent`, and a
 * client span for each request made through the global fetch or a service binding of `env`. Spans are exported after
 * the response, with `ctx.waitUntil`. The server span ends when the response is handed back: streaming its body is
 * not part of it, and no body is read or copied. The handler's other methods are left as they are.
 *
 * `options` may be a function of `env`, for a key that is a secret or an exporter that is a service binding.
 */
export function instrument<Env = unknown, QueueMessage = unknown, CfHostMetadata = unknown, Props = unknown>(
  handler: ExportedHandler<Env, QueueMessage, CfHostMetadata, Props>,
  options: EdgeOptions | ((env: Env) => EdgeOptions),
): ExportedHandler<Env, QueueMessage, CfHostMetadata, Props> {
  const { fetch } = handler;
  if (!fetch) return handler;
  patchGlobalFetch();
  const resolve = resolver(options);
  const traced: typeof fetch = (request, env, ctx) => {
    const handle = () => fetch.call(handler, request, env, ctx);
    const resolved = resolve(env);
    if (resolved && isToBeAsked()) ctx.waitUntil(activeSpan.exit(() => ask(resolved)));
    const begun = tryBegin(request as Request, env, resolved);
    return begun ? activeSpan.run(begun, () => answer(begun, request.method, ctx, handle)) : handle();
  };
  return new Proxy(handler, {
    get(target, key) {
      if (key === 'fetch') return traced;
      const value = Reflect.get(target, key) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

type Begun = { readonly trace: RequestTrace; readonly span: RecordingSpan };

/** null where the request is not traced. A fault of tracing must not become one of the Worker. */
function tryBegin(request: Request, env: unknown, options: ResolvedOptions | null): Begun | null {
  if (!options || isPaused()) return null;
  try {
    traceBindings(env);
    const trace = new RequestTrace(options, new URL(request.url).origin, parentOf(request));
    const span = trace.startSpan(methodName(request.method), KIND_SERVER, null, 'tailrace/edge');
    if (!span) return null;
    for (const [key, value] of serverAttributes(request)) span.setAttribute(key, value);
    return { trace, span };
  } catch (error) {
    console.warn(`tailrace: a request is not traced: ${error}`);
    return null;
  }
}

/** The caller's span; null for none and for a `traceparent` that is not valid, whose `tracestate` then counts for nothing. */
function parentOf(request: Request): TraceContext | null {
  const parent = parseTraceparent(request.headers.get('traceparent'));
  return parent && { ...parent, traceState: parseTraceState(request.headers.get('tracestate')) };
}

async function answer(
  { trace, span }: Begun,
  method: string,
  ctx: ExecutionContext,
  handle: () => Response | Promise<Response>,
): Promise<Response> {
  try {
    const response = await handle();
    const status = (response as Response | undefined)?.status;
    if (status !== undefined) span.setAttribute('http.response.status_code', status);
    if (status !== undefined && status >= 500) {
      span.setAttribute('error.type', String(status));
      if (!span.hasStatus) span.setStatus('error');
    }
    return response;
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    const route = span.attribute('http.route');
    if (route !== undefined && span.name === methodName(method)) span.updateName(`${span.name} ${route}`);
    span.end();
    trace.responded(ctx);
  }
}

/** Options for one request; null, with one warning, when they are wrong. */
function resolver<Env>(options: EdgeOptions | ((env: Env) => EdgeOptions)): (env: Env) => ResolvedOptions | null {
  let warned = false;
  let fixed: ResolvedOptions | null | undefined;
  const tryResolve = (env: Env) => {
    try {
      return resolveOptions(typeof options === 'function' ? options(env) : options);
    } catch (error) {
      if (!warned) console.warn(`tailrace: tracing is off: ${error instanceof Error ? error.message : error}`);
      warned = true;
      return null;
    }
  };
  if (typeof options === 'function') return tryResolve;
  return (env) => {
    if (fixed === undefined) fixed = tryResolve(env);
    return fixed;
  };
}
