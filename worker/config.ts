/** The configuration and the keys as this isolate knows them: requests wait for Control only as long as that has never answered. */

import { ConfigSource, type CurrentConfig } from '../durable-objects/config-source.ts';
import type { Env } from '../durable-objects/env.ts';
import type { KeyList } from '../durable-objects/keys.ts';
import { SharedCall } from './shared-call.ts';

type WaitUntil = (work: Promise<unknown>) => void;

/** Keys that are known for so long are not relied on: an isolate that had nothing to do asks first. */
const MAX_KEYS_AGE_MS = 10_000;
/** A secret that is not known is asked for, this often at most: its key may have been made just now. */
const UNKNOWN_KEY_MS = 1_000;

let known: { readonly variable: string | undefined; readonly source: ConfigSource } | undefined;
const asking = new SharedCall();

/** At most 5 s behind while requests come. Throws ConfigError where the variable is wrong. */
export async function currentConfig(env: Env, waitUntil: WaitUntil, nowMs: number): Promise<CurrentConfig> {
  const source = sourceOf(env);
  if (!source.table) await ask(source, env, waitUntil, nowMs);
  else if (source.isStale(nowMs)) void ask(source, env, waitUntil, nowMs);
  return source.config;
}

/** The same of the keys; null as long as Control has never answered. `isMissing`: one was looked for that is not among them. */
export async function currentKeys(
  env: Env,
  waitUntil: WaitUntil,
  nowMs: number,
  isMissing = false,
): Promise<KeyList | null> {
  const source = sourceOf(env);
  const isOld = source.ageMs(nowMs) >= (isMissing ? UNKNOWN_KEY_MS : MAX_KEYS_AGE_MS);
  // Where Control does not answer, not every request asks again.
  if (isOld && (asking.isRunning || source.isStale(nowMs, isMissing ? UNKNOWN_KEY_MS : undefined))) {
    await ask(source, env, waitUntil, nowMs);
  } else if (source.isStale(nowMs)) void ask(source, env, waitUntil, nowMs);
  return source.keys;
}

/** They were changed through this isolate, which then does not go by the former ones. */
export function outdateKeys(env: Env): void {
  sourceOf(env).outdate();
  // What is on its way may have been said before that.
  asking.forget();
}

function sourceOf(env: Env): ConfigSource {
  const variable = env.TAILRACE_CONFIG;
  if (!known || known.variable !== variable) known = { variable, source: new ConfigSource(variable, null, null, true) };
  return known.source;
}

/** Those who ask at the same time wait for one answer, which comes though the request that began is gone; without one, what is known stands. */
function ask(source: ConfigSource, env: Env, waitUntil: WaitUntil, nowMs: number): Promise<void> {
  const call = () => {
    const answer = refresh(source, env, nowMs);
    waitUntil(answer);
    return answer;
  };
  return asking.join(call).catch((error: Error) => console.error(`the configuration stays as it is: ${error.message}`));
}

async function refresh(source: ConfigSource, env: Env, nowMs: number): Promise<void> {
  const { table } = await source.refresh(env, nowMs);
  if (table) source.adopt(table);
}
