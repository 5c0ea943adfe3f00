/** The configuration as this isolate knows it: requests wait for Control only as long as that has never answered. */

import { ConfigSource, type CurrentConfig } from '../durable-objects/config-source.ts';
import type { Env } from '../durable-objects/env.ts';

type WaitUntil = (work: Promise<unknown>) => void;

let known: { readonly variable: string | undefined; readonly source: ConfigSource } | undefined;
let asking: Promise<void> | null = null;

/** At most 5 s behind while requests come. Throws ConfigError where the variable is wrong. */
export async function currentConfig(env: Env, waitUntil: WaitUntil, nowMs: number): Promise<CurrentConfig> {
  const variable = env.TAILRACE_CONFIG;
  if (!known || known.variable !== variable) known = { variable, source: new ConfigSource(variable, null, null) };
  const { source } = known;
  if (!source.table) {
    asking ??= refresh(source, env, nowMs).finally(() => {
      asking = null;
    });
    await asking;
  } else if (source.isStale(nowMs)) waitUntil(refresh(source, env, nowMs));
  return source.config;
}

async function refresh(source: ConfigSource, env: Env, nowMs: number): Promise<void> {
  const { table } = await source.refresh(env, nowMs);
  if (table) source.adopt(table);
}
