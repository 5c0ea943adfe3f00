/** The edge as it is deployed, beside an isolate that knows an older table of shards: the one in the header `test-table`. */

import { Hono } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import type { RoutingTable } from '../../../model/routing.ts';
import { currentConfig } from '../../../worker/config.ts';
import { HttpError } from '../../../worker/errors.ts';
import edge from '../../../worker/index.ts';
import { InFlight } from '../../../worker/ingest/in-flight.ts';
import { ingestOtlp, otlpError } from '../../../worker/ingest/otlp.ts';

export { Control, Ledger, TraceShard } from '../../../worker/index.ts';

const behind = new Hono<{ Bindings: Env }>();

behind.post('/v1/traces', async (c) => {
  const config = await currentConfig(c.env, (work) => c.executionCtx.waitUntil(work), Date.now());
  const table = JSON.parse(c.req.header('test-table')!) as RoutingTable;
  c.set('caller', { who: 'anyone', class: 'service', key: null });
  const inFlight = new InFlight();
  try {
    return await ingestOtlp(c, { ...config, shards: table.shards, table }, inFlight);
  } finally {
    inFlight.release();
  }
});

behind.onError((error, c) => {
  if (error instanceof HttpError) return otlpError(c.req.raw, error);
  throw error;
});

export default {
  fetch: (request, env, ctx) => {
    const isBehind = request.method === 'POST' && request.headers.has('test-table');
    return isBehind ? behind.fetch(request, env, ctx) : edge.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env>;
