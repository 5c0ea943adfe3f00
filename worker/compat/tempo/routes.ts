/** Grafana Tempo's query API (https://grafana.com/docs/tempo/latest/api_docs/): `docs/api/tempo.md` has what differs. */

import { type Context, Hono } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { noteRead } from '../../audit.ts';
import { HttpError } from '../../errors.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { findTrace } from '../../query/traces.ts';
import { queryInstant, queryRange } from './metrics.ts';
import { checkTraceRange, parseSearchRequest } from './params.ts';
import { search } from './search.ts';
import { listTags, listTagsByScope, listTypedValues, listValues } from './tags.ts';
import { encodeTraceByIdResponse, traceBatchesJson, traceByIdJson } from './trace-answer.ts';
import { parseTempoTraceId } from './trace-id.ts';

type App = { Bindings: Env };

/** What clients take us for: the Tempo whose API this is. */
const BUILD_INFO = { version: '2.9.0', revision: '', branch: '', buildDate: '', buildUser: 'tailrace', goVersion: '' };
const PROTOBUF = 'application/protobuf';

/** Below `/tempo`. */
export function tempoRoutes(deps: RouteDeps): Hono<App> {
  const { config, store, now } = deps;
  const routes = new Hono<App>();
  routes.get('/ready', (c) => c.text('ready\n'));
  routes.get('/api/echo', (c) => c.text('echo'));
  routes.get('/api/status/buildinfo', (c) => c.json(BUILD_INFO));
  routes.get('/api/traces/:id', async (c) => {
    const otlp = await readTrace(c);
    return wantsProtobuf(c) ? protobuf(c, otlp) : c.json(traceBatchesJson(otlp));
  });
  routes.get('/api/v2/traces/:id', async (c) => {
    const otlp = await readTrace(c);
    return wantsProtobuf(c) ? protobuf(c, encodeTraceByIdResponse(otlp)) : c.json(traceByIdJson(otlp));
  });
  routes.get('/api/search', async (c) => c.json(await search(c, deps, parseSearchRequest(c.req.query(), now()))));
  routes.get('/api/search/tags', async (c) => c.json(await listTags(c, deps, c.req.query())));
  routes.get('/api/v2/search/tags', async (c) => c.json(await listTagsByScope(c, deps, c.req.query())));
  routes.get('/api/search/tag/:tag{.+}/values', async (c) =>
    c.json(await listValues(c, deps, c.req.param('tag'), c.req.query())),
  );
  routes.get('/api/v2/search/tag/:tag{.+}/values', async (c) =>
    c.json(await listTypedValues(c, deps, c.req.param('tag'), c.req.query())),
  );
  routes.get('/api/metrics/query_range', async (c) => c.json(await queryRange(c, deps, c.req.query())));
  routes.get('/api/metrics/query', async (c) => c.json(await queryInstant(c, deps, c.req.query())));

  async function readTrace(c: Context<App>): Promise<Uint8Array> {
    const traceId = parseTempoTraceId(c.req.param('id')!);
    checkTraceRange(c.req.query());
    const found = await findTrace(c.env, await config(c), store(c.env), traceId);
    if (!found) throw new HttpError(404, 'unknown_trace', `there is no trace ${traceId}`);
    noteRead(c, 'trace.read', traceId);
    return found.otlp;
  }

  return routes;
}

function wantsProtobuf(c: Context<App>): boolean {
  return c.req.header('accept')?.includes(PROTOBUF) ?? false;
}

function protobuf(c: Context<App>, bytes: Uint8Array): Response {
  return c.body(bytes.slice().buffer, 200, { 'content-type': PROTOBUF });
}
