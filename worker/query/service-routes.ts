/** The native API over the statistics of every trace: `docs/api/services.md` has the shapes. */

import { type Context, Hono } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Store } from '../../store/store.ts';
import { listOperationDependencies } from './dependencies.ts';
import { findExemplars } from './exemplars.ts';
import { listOperationsWithRed } from './operations.ts';
import { readRed } from './red.ts';
import { parseRedQuery } from './red-params.ts';
import { compareDependencies, readServiceGraph, readSurroundings } from './service-graph.ts';
import { bad, parseTime, parseWindow, widen } from './time-params.ts';

type C = Context<{ Bindings: Env }>;

export interface RouteDeps {
  readonly config: (c: C) => Promise<CurrentConfig>;
  readonly store: (env: Env) => Store;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function serviceRoutes({ config, store, now }: RouteDeps): Hono<{ Bindings: Env }> {
  const routes = new Hono<{ Bindings: Env }>();
  /** What every reader of statistics begins with. */
  const of = async (c: C) => [c.env, await config(c), store(c.env)] as const;

  routes.get('/dependencies', async (c) => {
    const params = c.req.query();
    const window = parseWindow(params, ['service', 'operations'], now());
    if (params.operations && params.operations !== '1') throw bad('operations', 'is 1, or left out');
    const { service } = params;
    const touches = ({ parent, child }: { parent: string; child: string }) =>
      !service || parent === service || child === service;
    if (params.operations) {
      const dependencies = await listOperationDependencies(...(await of(c)), window);
      return c.json({ ...window, dependencies: dependencies.filter(touches) });
    }
    const graph = await readServiceGraph(...(await of(c)), window);
    const dependencies = graph.dependencies.filter(touches);
    const shown = new Set(dependencies.flatMap(({ parent, child }) => [parent, child]));
    const services = graph.services.filter((node) => !service || node.service === service || shown.has(node.service));
    return c.json({ ...window, services, dependencies });
  });
  routes.get('/dependencies/changes', async (c) => {
    const params = c.req.query();
    const window = parseWindow(params, ['beforeStart', 'beforeEnd'], now());
    const beforeEndUs = parseTime(params, 'beforeEnd') ?? window.startUs;
    const beforeStartUs = parseTime(params, 'beforeStart') ?? beforeEndUs - (window.endUs - window.startUs);
    const before = widen({ startUs: beforeStartUs, endUs: beforeEndUs }, ['beforeStart', 'beforeEnd']);
    return c.json({ ...window, before, ...(await compareDependencies(...(await of(c)), before, window)) });
  });
  routes.get('/services/:service/dependencies', async (c) => {
    const service = c.req.param('service');
    const window = parseWindow(c.req.query(), [], now());
    return c.json({ ...window, service, ...(await readSurroundings(...(await of(c)), service, window)) });
  });
  routes.get('/services/:service/red', async (c) => {
    const query = parseRedQuery(c.req.param('service'), c.req.query(), now());
    const { startUs, endUs, stepUs, service } = query;
    return c.json({ startUs, endUs, stepUs, service, series: await readRed(...(await of(c)), query) });
  });
  routes.get('/services/:service/exemplars', async (c) => {
    const params = c.req.query();
    const window = parseWindow(params, ['operation'], now());
    const names = { service: c.req.param('service'), ...(params.operation ? { operation: params.operation } : {}) };
    return c.json({ ...window, ...names, ...(await findExemplars(...(await of(c)), names, window)) });
  });
  routes.get('/services/:service/operations', async (c) => {
    const window = parseWindow(c.req.query(), [], now());
    const operations = await listOperationsWithRed(...(await of(c)), c.req.param('service'), window);
    return c.json({ ...window, operations });
  });
  return routes;
}
