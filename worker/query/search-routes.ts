/** `GET /api/traces` and what else looks for traces: how many there are, how long they take and when, all of them as a stream. */

import { type Context, Hono } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Store } from '../../store/store.ts';
import { parseCountSearch, parseStreamSearch, parseTraceSearch, type TraceQuery } from './params.ts';
import { searchTraces } from './search.ts';
import { MAX_STREAM_TRACES, streamTraces } from './stream.ts';
import { countTraces, tallyTraces } from './tally.ts';
import type { Params } from './time-params.ts';

type C = Context<{ Bindings: Env }>;

export interface SearchDeps {
  readonly config: (c: C) => Promise<CurrentConfig>;
  readonly store: (env: Env) => Store;
  readonly now: () => number;
}

/** What a count may take before it says what it has. */
const COUNT_MS = 5_000;
/** How long a stream goes on; its last line has a cursor for what is left. */
const STREAM_MS = 50_000;

export function searchRoutes({ config, store, now }: SearchDeps) {
  const routes = new Hono<{ Bindings: Env }>();
  routes.get('/', async (c) => {
    const query = parseTraceSearch(paramsOf(c), now());
    return c.json(await searchTraces(c.env, await config(c), store(c.env), query));
  });
  routes.get('/count', async (c) => {
    const search = parseCountSearch(paramsOf(c), now());
    const untilMs = now() + COUNT_MS;
    return c.json(await countTraces(c.env, await config(c), store(c.env), search, () => now() > untilMs));
  });
  routes.get('/histogram', async (c) => {
    const search = parseCountSearch(paramsOf(c), now());
    const untilMs = now() + COUNT_MS;
    return c.json(await tallyTraces(c.env, await config(c), store(c.env), search, () => now() > untilMs));
  });
  routes.get('/stream', async (c) => {
    const search = parseStreamSearch(paramsOf(c), now(), MAX_STREAM_TRACES);
    const current = await config(c);
    const untilMs = now() + STREAM_MS;
    c.var.query.goOn(now());
    const body = streamTraces(search, {
      find: (query: TraceQuery, isLeft) => searchTraces(c.env, current, store(c.env), query, isLeft),
      isLate: () => now() > untilMs,
      ended: () => c.var.query.release(),
    });
    return c.body(body, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  });
  return routes;
}

function paramsOf(c: C): Params {
  return c.req.query();
}
