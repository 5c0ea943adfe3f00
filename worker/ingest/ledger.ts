/** What a sender waits for the Ledger with: not for longer than for a shard. */

import type { Env } from '../../durable-objects/env.ts';
import type { LedgerApi } from '../../durable-objects/protocol.ts';
import { SHARD_TIMEOUT_MS } from '../../model/limits.ts';
import { within } from '../../model/within.ts';
import { unavailable } from './pressure.ts';

const RETRY_MS = 1_000;

/** Throws IngestError 503 where the Ledger fails or does not answer; `unknown` says what that leaves open. */
export async function askLedger<T>(env: Env, unknown: string, ask: (ledger: LedgerApi) => Promise<T>): Promise<T> {
  try {
    return await within(SHARD_TIMEOUT_MS, ask(env.LEDGER.getByName('ledger')));
  } catch (error) {
    console.error(`the Ledger: ${(error as Error).message}`);
    throw unavailable(`${unknown}: send the same again later`, RETRY_MS);
  }
}
