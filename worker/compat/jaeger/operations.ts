/** Operations with the kinds of their spans, as far as they are known. */

import type { Context } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { listOperationsWithRed } from '../../query/operations.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { wholeMinutes } from '../../query/time-params.ts';

/** What lists know is names; kinds are in the statistics, which are read for it. */
const KINDS_OF_THE_LAST_US = 3_600_000_000;

export interface JaegerOperation {
  readonly name: string;
  /** Empty of one without a span in the last hour. */
  readonly spanKind: string;
}

/** Of one service, by name; an operation of several kinds has one entry for each. With `kind` those of that kind alone. */
export async function operationsOf(
  c: Context<{ Bindings: Env }>,
  { config, store, now }: RouteDeps,
  service: string,
  kind: string,
): Promise<JaegerOperation[]> {
  const nowUs = now() * 1000;
  const window = wholeMinutes(nowUs - KINDS_OF_THE_LAST_US, nowUs);
  const listed = await listOperationsWithRed(c.env, await config(c), store(c.env), service, window);
  return listed
    .flatMap(({ name, red }) => {
      const kinds: string[] = red.map((each) => each.kind);
      return (kinds.length === 0 ? [''] : kinds.sort()).map((spanKind) => ({ name, spanKind }));
    })
    .filter(({ spanKind }) => kind === '' || spanKind === kind);
}
