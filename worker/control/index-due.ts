/** Making searches fast, by cron. */

import type { Env } from '../../durable-objects/env.ts';
import type { Store } from '../../store/store.ts';

/** Steps of a run, each some ten calls: together well below the 1,000 calls of an invocation. */
const MAX_STEPS = 50;

/** Steps until there is nothing to do, or as many as one run may take. */
export async function indexDue(env: Env, store: Store, nowMs: number): Promise<void> {
  let blocks = 0;
  let segments = 0;
  for (let step = 0; step < MAX_STEPS; step++) {
    const report = await store.index(nowMs);
    blocks += report.blocks;
    segments += report.segments;
    if (!report.hasMore) break;
  }
  if (segments === 0) return;
  const deltas = { tailrace_indexed_blocks_total: blocks, tailrace_index_segments_total: segments };
  await env.LEDGER.getByName('ledger').add(deltas);
}
