/** The configuration as this isolate knows it: no request but an isolate's first waits for Control. */

import type { Config } from '../durable-objects/config.ts';
import { ConfigSource } from '../durable-objects/config-source.ts';
import type { Env } from '../durable-objects/env.ts';

type WaitUntil = (work: Promise<unknown>) => void;

let known: { readonly variable: string | undefined; readonly source: ConfigSource } | undefined;

/** At most 5 s behind while requests come. Throws ConfigError where the variable is wrong. */
export async function currentConfig(env: Env, waitUntil: WaitUntil, nowMs: number): Promise<Config> {
  const variable = env.TAILRACE_CONFIG;
  if (!known || known.variable !== variable) known = { variable, source: new ConfigSource(variable, null) };
  const { source } = known;
  if (!source.wasAsked) await source.refresh(env, nowMs);
  else if (source.isStale(nowMs)) waitUntil(source.refresh(env, nowMs));
  return source.config;
}
