/** Zipkin's query API (https://zipkin.io/zipkin-api/), for Lens and Grafana: `docs/api/zipkin.md` has what differs. */

import { type Context, Hono } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { toZipkinSpan, type ZipkinJsonSpan } from '../../../model/zipkin/trace-json.ts';
import { noteRead } from '../../audit.ts';
import { HttpError } from '../../errors.ts';
import { listDependencies } from '../../query/dependencies.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { listOperations } from '../../query/services.ts';
import { wholeMinutes } from '../../query/time-params.ts';
import { type FoundTrace, findTrace, spansOf } from '../../query/traces.ts';
import { findTraces } from '../find-traces.ts';
import { readTraces } from '../read-traces.ts';
import { integer, parseRange, parseTraceIds, parseZipkinSearch, parseZipkinTraceId, required } from './params.ts';

type App = { Bindings: Env };

/** What Lens asks for before anything else. */
const LENS_CONFIG = {
  environment: '',
  queryLimit: 10,
  defaultLookback: 900_000,
  searchEnabled: true,
  logsUrl: null,
  supportUrl: null,
  archivePostUrl: null,
  archiveUrl: null,
  dependency: { enabled: true, lowErrorRate: 0.5, highErrorRate: 0.75 },
};

/** Below `/zipkin`, behind what asks for a read key. */
export function zipkinRoutes(deps: RouteDeps): Hono<App> {
  const { config, store, now } = deps;
  const routes = new Hono<App>();
  routes.get('/config.json', (c) => c.json(LENS_CONFIG));
  routes.get('/api/v2/services', async (c) => c.json(await serviceNames(c)));
  routes.get('/api/v2/spans', async (c) => {
    const service = required(c.req.query(), 'serviceName');
    return c.json((await listOperations(c.env, await config(c), service)).map(({ name }) => name));
  });
  routes.get('/api/v2/remoteServices', async (c) => {
    const service = required(c.req.query(), 'serviceName');
    const links = await dependencies(c, parseRange({}, now()));
    return c.json(links.filter(({ parent }) => parent === service).map(({ child }) => child));
  });
  routes.get('/api/v2/traces', async (c) => {
    const params = c.req.query();
    const services = new Set(params.remoteServiceName ? await serviceNames(c) : []);
    const search = parseZipkinSearch(params, now(), (name) => services.has(name));
    return c.json((await findTraces(c, deps, search)).map(toZipkinTrace));
  });
  routes.get('/api/v2/trace/:id', async (c) => {
    const id = parseZipkinTraceId(c.req.param('id'));
    const traceId = id.padStart(32, '0');
    const found = await findTrace(c.env, await config(c), store(c.env), traceId);
    if (!found) throw new HttpError(404, 'unknown_trace', `${id} not found`);
    noteRead(c, 'trace.read', traceId);
    return c.json(toZipkinTrace(found));
  });
  routes.get('/api/v2/traceMany', async (c) => {
    const ids = parseTraceIds(c.req.query()).map((id) => id.padStart(32, '0'));
    const found = await readTraces(c.env, await config(c), store(c.env), ids);
    for (const { traceId } of found) noteRead(c, 'trace.read', traceId);
    return c.json(found.map(toZipkinTrace));
  });
  routes.get('/api/v2/dependencies', async (c) => {
    const params = c.req.query();
    required(params, 'endTs');
    const links = await dependencies(c, parseRange(params, integer(params, 'endTs') ?? 0));
    return c.json(
      links.map(({ parent, child, calls, errors }) => ({
        parent,
        child,
        callCount: Math.round(calls),
        ...(errors >= 0.5 ? { errorCount: Math.round(errors) } : {}),
      })),
    );
  });
  routes.get('/api/v2/autocompleteKeys', (c) => c.json([]));
  routes.get('/api/v2/autocompleteValues', (c) => {
    if (required(c.req.query(), 'key') === '') throw new HttpError(400, 'bad_parameter', 'key was empty');
    return c.json([]);
  });

  async function serviceNames(c: Context<App>): Promise<string[]> {
    return [...new Set((await listOperations(c.env, await config(c))).map(({ service }) => service))];
  }

  async function dependencies(c: Context<App>, range: { startUs: number; endUs: number }) {
    return listDependencies(c.env, await config(c), store(c.env), wholeMinutes(range.startUs, range.endUs));
  }

  return routes;
}

function toZipkinTrace(found: FoundTrace): ZipkinJsonSpan[] {
  return spansOf(found).map(toZipkinSpan);
}

/** As Zipkin's server says what was wrong. */
export function zipkinError({ message, status, code }: HttpError): Response {
  const text = code === 'not_found' ? '404 Not Found' : message;
  return new Response(text, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });
}
