/** What a sender waits for the Ledger with: not for longer than for a shard. */

import type { Env } from '../../durable-objects/env.ts';
import type { LedgerApi } from '../../durable-objects/protocol.ts';
import { SHARD_TIMEOUT_MS } from '../../model/limits.ts';
import { unavailable } from './pressure.ts';

const RETRY_MS = 1_000;

/** Throws IngestError 503 where the Ledger fails or does not answer; `unknown` says what that leaves open. */
export async function askLedger<T>(env: Env, unknown: string, ask: (ledger: LedgerApi) => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${SHARD_TIMEOUT_MS} ms`)), SHARD_TIMEOUT_MS);
  });
  try {
    return await Promise.race([ask(env.LEDGER.getByName('ledger')), timeout]);
  } catch (error) {
    console.error(`the Ledger: ${(error as Error).message}`);
    throw unavailable(`${unknown}: send the same again later`, RETRY_MS);
  } finally {
    clearTimeout(timer);
  }
}
