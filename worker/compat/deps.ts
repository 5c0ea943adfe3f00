/** What the routes of other systems' APIs are given. */

import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Store } from '../../store/store.ts';

export interface RouteDeps {
  readonly config: (c: Context<{ Bindings: Env }>) => Promise<CurrentConfig>;
  readonly store: (env: Env) => Store;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
