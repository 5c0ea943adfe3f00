/** What an operator does with single traces, and with all of a range of time. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { isTraceId } from '../../model/ids.ts';
import type { Store } from '../../store/store.ts';
import { HttpError } from '../errors.ts';
import { parseRange } from '../query/params.ts';
import { checkNames } from '../query/time-params.ts';
import { shardOfTrace } from '../routing.ts';

const DAY_MS = 86_400_000;
const MAX_HOLD_DAYS = 3_650;

/** Throws HttpError 400 `bad_trace_id`. */
export function parseTraceId(text: string): string {
  const traceId = text.toLowerCase();
  if (isTraceId(traceId)) return traceId;
  throw new HttpError(400, 'bad_trace_id', 'a trace id is 32 hex digits that are not all zero');
}

/** `POST /api/traces/{id}/keep`. */
export async function keepTrace(env: Env, config: CurrentConfig, store: Store, traceId: string): Promise<Response> {
  if (await shardOfTrace(env, config, traceId).keep(traceId)) return Response.json({ traceId, state: 'kept' });
  // What is stored is kept already.
  if (await store.get(traceId)) return Response.json({ traceId, state: 'kept' });
  throw new HttpError(404, 'not_found', `nothing is left of trace ${traceId}: it was never received, or has expired`);
}

/** `DELETE /api/traces/{id}`; safe to repeat, and for a trace that is still to come. */
export async function eraseTrace(
  env: Env,
  config: CurrentConfig,
  store: Store,
  traceId: string,
  nowMs: number,
): Promise<Response> {
  // The shard first: a block that is on its way meanwhile is refused by the store, or searched through after.
  await shardOfTrace(env, config, traceId).erase(traceId);
  await store.erase(traceId, nowMs);
  return new Response(null, { status: 204 });
}

/** `PUT /api/traces/{id}/hold?days=`. */
export async function holdTrace(store: Store, traceId: string, days: string | undefined, nowMs: number) {
  const count = days === undefined ? MAX_HOLD_DAYS : /^\d{1,4}$/.test(days) ? Number(days) : 0;
  if (count < 1 || count > MAX_HOLD_DAYS) {
    throw new HttpError(400, 'bad_parameter', `days is ${JSON.stringify(days)}; want 1 to ${MAX_HOLD_DAYS}`);
  }
  const untilMs = nowMs + count * DAY_MS;
  await store.hold(traceId, untilMs);
  return Response.json({ traceId, until: new Date(untilMs).toISOString() });
}

/** `GET /api/export?start=&end=`: OTLP messages one after the other, which is again one `TracesData`. */
export async function exportRange(store: Store, params: Readonly<Record<string, string>>, nowMs: number) {
  checkNames(params, ['start', 'end']);
  const { startUs, endUs } = parseRange(params, nowMs);
  const pieces = store.export({ startUs, endUs })[Symbol.asyncIterator]();
  // A store that does not answer is told with a status, which is only possible now.
  let next: IteratorResult<Uint8Array> | null = await pieces.next();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = next ?? (await pieces.next());
      next = null;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await pieces.return?.();
    },
  });
  return new Response(body, {
    headers: { 'content-type': 'application/x-protobuf', 'content-disposition': 'attachment; filename="traces.otlp"' },
  });
}
