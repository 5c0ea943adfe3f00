/** A service's operations as the shards' catalogs know them, each with what the statistics say of a window. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Operation } from '../../durable-objects/protocol.ts';
import type { SpanKind } from '../../model/span.ts';
import type { Store } from '../../store/store.ts';
import { type Red, readRed } from './red.ts';
import { listOperations } from './services.ts';
import type { Window } from './time-params.ts';

export interface ListedOperation extends Operation {
  /** By SpanKind; empty where nothing was counted in the window. */
  readonly red: readonly (Red & { readonly kind: SpanKind })[];
}

/** By name. */
export async function listOperationsWithRed(
  env: Env,
  config: CurrentConfig,
  store: Store,
  service: string,
  window: Window,
): Promise<ListedOperation[]> {
  const query = { ...window, stepUs: window.endUs - window.startUs, service, by: 'kind' } as const;
  const [known, series] = await Promise.all([listOperations(env, config, service), readRed(env, config, store, query)]);
  const counted = Map.groupBy(series, ({ operation }) => operation!);
  // A catalog has no room for some that are counted, above all `other`.
  const names = [...new Set([...known.map(({ name }) => name), ...counted.keys()])].sort();
  return names.map((name) => ({
    service,
    name,
    red: (counted.get(name) ?? []).map(({ kind, total }) => ({ kind: kind!, ...total })),
  }));
}
