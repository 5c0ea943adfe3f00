/** `GET /ready`: whether what the edge depends on answers. It needs no key, so it says no more than names. */

import type { Env } from '../durable-objects/env.ts';
import { storeBindings } from '../store/bindings.ts';
import { meterBindings } from '../store/meter.ts';
import { countCost } from './counters.ts';
import { shardStub } from './routing.ts';

/** A dependency that has not answered by then is not ready. */
const CHECK_TIMEOUT_MS = 1_500;
/** Whoever asks again so soon is told the same: anybody may ask, and each check costs something. */
const REMEMBER_MS = 1_000;

type Verdict = 'ok' | 'failed' | 'timeout';

interface Readiness {
  readonly status: 'ready' | 'not_ready';
  readonly checks: Readonly<Record<string, Verdict>>;
}

let last: { readonly atMs: number; readonly readiness: Readiness } | null = null;

/** 200 when all answer, else 503. */
export async function ready(env: Env, nowMs: number): Promise<Response> {
  if (!last || nowMs < last.atMs || nowMs - last.atMs >= REMEMBER_MS) {
    last = { atMs: nowMs, readiness: await check(env) };
  }
  const { readiness } = last;
  return Response.json(readiness, {
    status: readiness.status === 'ready' ? 200 : 503,
    headers: { 'cache-control': 'no-store' },
  });
}

async function check(env: Env): Promise<Readiness> {
  const { databases, bucket } = meterBindings(storeBindings(env), countCost);
  const [d1, r2, shard] = await Promise.all([
    verdictOf(() => Promise.all(databases.map((db) => db.prepare('SELECT 1').all()))),
    verdictOf(() => bucket.head('ready')),
    verdictOf(() => shardStub(env, 0).ping()),
  ]);
  const checks = { d1, r2, shard };
  const isReady = Object.values(checks).every((verdict) => verdict === 'ok');
  return { status: isReady ? 'ready' : 'not_ready', checks };
}

async function verdictOf(call: () => Promise<unknown>): Promise<Verdict> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<Verdict>((resolve) => {
    timer = setTimeout(() => resolve('timeout'), CHECK_TIMEOUT_MS);
  });
  // What a binding throws at once is a failure like any other.
  const answer = (async () => call())().then(
    (): Verdict => 'ok',
    (): Verdict => 'failed',
  );
  const verdict = await Promise.race([answer, timeout]);
  clearTimeout(timer);
  return verdict;
}
