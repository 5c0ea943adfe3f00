/** The native API over the statistics of every trace: `docs/api/services.md` has the shapes. */

import { type Context, Hono } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Store } from '../../store/store.ts';
import { listDependencies } from './dependencies.ts';
import { listOperationsWithRed } from './operations.ts';
import { readRed } from './red.ts';
import { parseRedQuery } from './red-params.ts';
import { parseWindow } from './time-params.ts';

type C = Context<{ Bindings: Env }>;

export interface RouteDeps {
  readonly config: (c: C) => Promise<CurrentConfig>;
  readonly store: (env: Env) => Store;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function serviceRoutes({ config, store, now }: RouteDeps): Hono<{ Bindings: Env }> {
  const routes = new Hono<{ Bindings: Env }>();
  routes.get('/dependencies', async (c) => {
    const window = parseWindow(c.req.query(), [], now());
    return c.json({ ...window, dependencies: await listDependencies(c.env, await config(c), store(c.env), window) });
  });
  routes.get('/services/:service/dependencies', async (c) => {
    const service = c.req.param('service');
    const window = parseWindow(c.req.query(), [], now());
    const edges = await listDependencies(c.env, await config(c), store(c.env), window);
    const callers = edges.filter(({ child }) => child === service);
    const callees = edges.filter(({ parent }) => parent === service);
    return c.json({ ...window, service, callers, callees });
  });
  routes.get('/services/:service/red', async (c) => {
    const query = parseRedQuery(c.req.param('service'), c.req.query(), now());
    const { startUs, endUs, stepUs } = query;
    const series = await readRed(c.env, await config(c), store(c.env), query);
    return c.json({ startUs, endUs, stepUs, service: query.service, series });
  });
  routes.get('/services/:service/operations', async (c) => {
    const window = parseWindow(c.req.query(), [], now());
    const service = c.req.param('service');
    const operations = await listOperationsWithRed(c.env, await config(c), store(c.env), service, window);
    return c.json({ ...window, operations });
  });
  return routes;
}
