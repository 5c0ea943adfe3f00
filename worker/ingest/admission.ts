/**
 * Keeps a deployment within the capacity that its configuration states: spans are let in before they are sliced, from tokens
 * that this isolate leases of the Ledger, so that a request is taken by all shards or by none.
 */

import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import { countRefused } from '../counters.ts';
import { IngestError } from '../errors.ts';

/** An isolate leases a tenth of a second's worth at a time. */
const LEASE_SECONDS = 0.1;

let tokens = 0;
let refusedUntilMs = 0;
let asking: Promise<void> | null = null;

/** Throws IngestError 429 when the deployment takes in as much as it is meant to already. */
export async function admit(env: Env, config: Config, spans: number): Promise<void> {
  const { spansPerSecond } = config.capacity;
  if (spansPerSecond === undefined) return;
  while (tokens < spans) {
    const waitMs = refusedUntilMs - Date.now();
    if (waitMs > 0) {
      countRefused(spans);
      const message = `more than ${spansPerSecond} spans a second: send the same again later`;
      throw new IngestError(429, 'overloaded', message, Math.max(1, Math.ceil(waitMs / 1000)));
    }
    asking ??= lease(env, spansPerSecond, spans - tokens).finally(() => {
      asking = null;
    });
    await asking;
  }
  tokens -= spans;
}

async function lease(env: Env, spansPerSecond: number, needed: number): Promise<void> {
  const wanted = Math.ceil(spansPerSecond * LEASE_SECONDS);
  const { spans, waitMs } = await env.LEDGER.getByName('ledger').lease(spansPerSecond, needed, wanted);
  tokens += spans;
  // Others that wait need not ask for the same in vain.
  if (waitMs > 0) refusedUntilMs = Date.now() + waitMs;
}
