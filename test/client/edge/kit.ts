/** Runs an instrumented handler the way the runtime does, against the real edge. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { type EdgeOptions, instrument } from '../../../client/edge/index.ts';
import type { Span, Trace } from '../../../model/span.ts';
import { randomTraceId } from '../../kit/spans.ts';

/** What calls the handler: its span is the parent of the server span. */
export const CALLER_SPAN_ID = '00000000000000aa';

export const EDGE_OPTIONS: EdgeOptions = {
  serviceName: 'worker-under-test',
  exporter: exports.default,
  key: 'test-ingest-key',
};

type Handle = (request: Request, env: Cloudflare.Env, ctx: ExecutionContext) => Response | Promise<Response>;

export interface Handled {
  readonly response: Response | null;
  readonly thrown: unknown;
  /** In order of start, as the Worker counted it. */
  readonly spans: readonly Span[];
}

/** Sends one request through `handle` in a trace of its own, and reads the spans back from the edge. */
export async function handleTraced(
  handle: Handle,
  options: {
    readonly init?: RequestInit;
    readonly url?: string;
    readonly env?: object;
    readonly edge?: Partial<EdgeOptions>;
  } = {},
): Promise<Handled> {
  const traceId = randomTraceId();
  const request = new Request(options.url ?? 'https://app.test/things/7?q=1', options.init);
  if (!request.headers.has('traceparent')) {
    request.headers.set('traceparent', `00-${traceId}-${CALLER_SPAN_ID}-01`);
  }
  const { response, thrown } = await call(handle, request, options.env, { ...EDGE_OPTIONS, ...options.edge });
  return { response, thrown, spans: await storedSpans(traceId) };
}

/** Calls the handler and waits for all it left to `waitUntil`. */
export async function call(
  handle: Handle,
  request: Request,
  bindings: object | undefined,
  options: EdgeOptions,
): Promise<{ response: Response | null; thrown: unknown }> {
  const worker = instrument<Cloudflare.Env>({ fetch: handle }, options);
  const ctx = createExecutionContext();
  let response: Response | null = null;
  let thrown: unknown;
  try {
    response = await worker.fetch!(request as never, { ...env, ...bindings } as Cloudflare.Env, ctx as never);
  } catch (error) {
    thrown = error;
  }
  await waitOnExecutionContext(ctx);
  return { response, thrown };
}

/** The spans of a trace, in order of start; none when the edge does not know it. */
export async function storedSpans(traceId: string): Promise<Span[]> {
  const answer = await exports.default.fetch(`https://edge.test/api/traces/${traceId}`, {
    headers: { authorization: 'Bearer test-read-key' },
  });
  if (answer.status === 404) return [];
  if (answer.status !== 200) throw new Error(`the edge answered ${answer.status}: ${await answer.text()}`);
  const { spans } = await answer.json<Trace>();
  return [...spans].sort((a, b) => sequenceOf(a) - sequenceOf(b));
}

export function sequenceOf(span: Span): number {
  return span.attributes['cloudflare.invocation.sequence.number'] as number;
}
