/** Shards that do not answer for a while. */

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { vi } from 'vitest';

/** Resolves when the shard hangs, with what resolves when it answers again. */
export async function hang(shard: number, ms: number): Promise<{ readonly over: Promise<void> }> {
  let isHanging = false;
  const over = runInDurableObject(env.TRACE_SHARD.getByName(`shard-${shard}`), (_, state) =>
    state.blockConcurrencyWhile(async () => {
      isHanging = true;
      await scheduler.wait(ms);
    }),
  );
  await vi.waitUntil(() => isHanging);
  return { over };
}
