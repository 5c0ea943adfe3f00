/**
 * Keeps a deployment within the capacity that its configuration states: spans are let in before they are sliced, from tokens
 * that this isolate leases of the Ledger, so that a request is taken by all shards or by none.
 */

import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import { countRefused } from '../counters.ts';
import { SharedCall } from '../shared-call.ts';
import { askLedger } from './ledger.ts';
import { noteWhole, overloaded } from './pressure.ts';

/** An isolate leases a tenth of a second's worth at a time. */
const LEASE_SECONDS = 0.1;
/** When so little of the bucket is left, senders are told before one of them is refused. */
const MODERATE_LEFT = 0.5;

let tokens = 0;
/** Until when it is in vain to ask the Ledger, for requests that are urgent and for the others. */
let urgentRefusedUntilMs = 0;
let refusedUntilMs = 0;
const asking = new SharedCall();

/**
 * Throws IngestError 429 when the deployment takes in as much as it is meant to already, 503 when the Ledger does not answer.
 * `isUrgent` says whether the request is one of those that are let in longest.
 */
export async function admit(env: Env, config: Config, spans: number, isUrgent: () => boolean): Promise<void> {
  const { spansPerSecond } = config.capacity;
  if (spansPerSecond === undefined) return;
  while (tokens < spans) {
    const waitMs = (isUrgent() ? urgentRefusedUntilMs : refusedUntilMs) - Date.now();
    if (waitMs > 0) {
      countRefused(spans);
      throw overloaded(`more than ${spansPerSecond} spans a second: send the same again later`, waitMs);
    }
    try {
      await asking.join(() => lease(env, spansPerSecond, spans - tokens, isUrgent()));
    } catch (error) {
      countRefused(spans);
      throw error;
    }
  }
  tokens -= spans;
}

async function lease(env: Env, spansPerSecond: number, needed: number, isUrgent: boolean): Promise<void> {
  const wanted = Math.ceil(spansPerSecond * LEASE_SECONDS);
  const { spans, waitMs, left } = await askLedger(env, 'what may be taken in is not known', (ledger) =>
    ledger.lease(spansPerSecond, needed, wanted, isUrgent),
  );
  tokens += spans;
  if (left < MODERATE_LEFT) noteWhole('moderate');
  if (waitMs === 0) return;
  noteWhole(isUrgent ? 'overload' : 'high');
  // Others that wait need not ask for the same in vain.
  if (isUrgent) urgentRefusedUntilMs = Date.now() + waitMs;
  refusedUntilMs = Math.max(refusedUntilMs, Date.now() + waitMs);
}
