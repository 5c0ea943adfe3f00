/** Expiry in bounded steps, by cron and by hand. */

import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { ExpireCounts, ExpireReport, Store } from '../../store/store.ts';

/** Blocks of a step, each some ten calls, and steps of a run: together well below the 1,000 calls of an invocation. */
const MAX_BLOCKS_PER_STEP = 10;
const MAX_STEPS_PER_RUN = 5;

const KINDS = ['blocks', 'traces', 'bytes'] as const satisfies readonly (keyof ExpireCounts)[];

/** One step. A dry run changes and counts nothing. */
export async function expireStep(
  env: Env,
  config: Config,
  store: Store,
  nowMs: number,
  dryRun: boolean,
): Promise<ExpireReport> {
  const { hotDays, warmDays, coldDays } = config.retention;
  const report = await store.expire({
    nowMs,
    days: { hot: hotDays, warm: warmDays, cold: coldDays },
    // As long as any trace may stay.
    statisticsDays: coldDays,
    maxBlocks: MAX_BLOCKS_PER_STEP,
    dryRun,
  });
  if (!dryRun) await env.LEDGER.getByName('ledger').add(deltas(report));
  return report;
}

/** Steps until nothing is due, or as many as one run may take. */
export async function expireDue(env: Env, config: Config, store: Store, nowMs: number): Promise<void> {
  for (let step = 0; step < MAX_STEPS_PER_RUN; step++) {
    const { hasMore } = await expireStep(env, config, store, nowMs, false);
    if (!hasMore) return;
  }
}

function deltas({ intended, actual, failedBlocks }: ExpireReport): Record<string, number> {
  const counts: Record<string, number> = { tailrace_expire_failures_total: failedBlocks.length };
  for (const kind of KINDS) {
    counts[`tailrace_expired_${kind}_total{count="intended"}`] = intended[kind];
    counts[`tailrace_expired_${kind}_total{count="actual"}`] = actual[kind];
  }
  return counts;
}
