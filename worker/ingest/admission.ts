/**
 * Keeps a deployment within the capacity that its configuration states: spans are let in before they are sliced, from tokens
 * that this isolate leases of the Ledger, so that a request is taken by all shards or by none. With each lease the Ledger hears who
 * was let in with how much, and who takes more than a fair share finds out first that there is no more.
 */

import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Taken } from '../../durable-objects/fair-shares.ts';
import { MAX_CALLERS } from '../../model/limits.ts';
import { countRefused } from '../counters.ts';
import { SharedCall } from '../shared-call.ts';
import { askLedger } from './ledger.ts';
import { noteCaller, noteWhole, overloaded } from './pressure.ts';

/** An isolate leases a tenth of a second's worth at a time. */
const LEASE_SECONDS = 0.1;
/** When so little of the bucket is left, senders are told before one of them is refused. */
const MODERATE_LEFT = 0.5;

/** Tokens, and the call that gets more of them. */
class Pot {
  spans = 0;
  readonly asking = new SharedCall();
}

interface Caller {
  /** That of all callers; its own while it takes more than its share, so that it does not get what was leased for others. */
  pot: Pot;
  /** Let in, and the Ledger does not know yet. */
  untold: number;
  /** Until when it is in vain to ask the Ledger, for requests that are urgent and for the others. */
  urgentRefusedUntilMs: number;
  refusedUntilMs: number;
}

const common = new Pot();
const callers = new Map<string, Caller>();

/**
 * Throws IngestError 429 when the deployment takes in as much as it is meant to already, 503 when the Ledger does not answer.
 * `who` sends; `isUrgent` says whether the request is one of those that are let in longest.
 */
export async function admit(
  env: Env,
  config: Config,
  who: string,
  spans: number,
  isUrgent: () => boolean,
): Promise<void> {
  const { spansPerSecond } = config.capacity;
  if (spansPerSecond === undefined) return;
  const caller = callerOf(who);
  while (caller.pot.spans < spans) {
    const waitMs = (isUrgent() ? caller.urgentRefusedUntilMs : caller.refusedUntilMs) - Date.now();
    if (waitMs > 0) {
      countRefused(spans);
      throw overloaded(`more than ${spansPerSecond} spans a second: send the same again later`, waitMs);
    }
    const { pot } = caller;
    try {
      await pot.asking.join(() => lease(env, spansPerSecond, who, spans - pot.spans, isUrgent()));
    } catch (error) {
      countRefused(spans);
      throw error;
    }
  }
  caller.pot.spans -= spans;
  caller.untold += spans;
}

async function lease(env: Env, spansPerSecond: number, who: string, needed: number, isUrgent: boolean): Promise<void> {
  const wanted = Math.ceil(spansPerSecond * LEASE_SECONDS);
  const taken = takeUntold();
  const { spans, waitMs, left, isAboveShare } = await askLedger(env, 'what may be taken in is not known', (ledger) =>
    ledger.lease(spansPerSecond, { who, needed, wanted, isUrgent }, taken),
  );
  const caller = callerOf(who);
  if (isAboveShare !== (caller.pot !== common)) {
    if (!isAboveShare) common.spans += caller.pot.spans;
    caller.pot = isAboveShare ? new Pot() : common;
  }
  caller.pot.spans += spans;
  if (left < MODERATE_LEFT) noteWhole('moderate');
  if (waitMs === 0) return;
  // Who takes more than a share is short of something that others are not.
  if (isUrgent) noteWhole('overload');
  else if (isAboveShare) noteCaller(who);
  else noteWhole('high');
  // Other requests that wait need not ask for the same in vain.
  if (isUrgent) caller.urgentRefusedUntilMs = Date.now() + waitMs;
  caller.refusedUntilMs = Math.max(caller.refusedUntilMs, Date.now() + waitMs);
}

/** Where the Ledger does not hear of them, they are not held against anybody. */
function takeUntold(): Taken {
  const taken: [who: string, spans: number][] = [];
  for (const [who, caller] of callers) {
    if (caller.untold > 0) taken.push([who, caller.untold]);
    caller.untold = 0;
  }
  return taken;
}

function callerOf(who: string): Caller {
  let caller = callers.get(who);
  if (!caller) {
    // There are no more keys than that at a time; of those that are gone nothing has to be known.
    if (callers.size >= MAX_CALLERS) callers.clear();
    caller = { pot: common, untold: 0, urgentRefusedUntilMs: 0, refusedUntilMs: 0 };
    callers.set(who, caller);
  }
  return caller;
}
