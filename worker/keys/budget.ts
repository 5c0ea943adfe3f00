/**
 * Keeps a key within its rate and its day, over all isolates: spans are let in from what this isolate has leased of the Ledger,
 * before they are sliced.
 */

import type { Env } from '../../durable-objects/env.ts';
import type { Key } from '../../durable-objects/keys.ts';
import { IngestError } from '../errors.ts';
import { askLedger } from '../ingest/ledger.ts';
import { SharedCall } from '../shared-call.ts';

/** An isolate leases so much at a time: of the rate a tenth of a second's worth, of the day a thousandth. */
const LEASE_SECONDS = 0.1;
const LEASES_PER_DAY = 1_000;

interface Leased {
  spans: number;
  /** The fewest that the Ledger has refused, and until when it is in vain to ask for as many. */
  refused: { readonly spans: number; readonly untilMs: number };
  readonly asking: SharedCall;
}

const leased = new Map<string, Leased>();

/** Throws IngestError 429 when the key has no room for so many, 503 when the Ledger does not answer. What is not taken in after that is to be given back. */
export async function spend(env: Env, key: Key | null, spans: number): Promise<void> {
  if (!isLimited(key)) return;
  const own = leasedBy(key);
  while (own.spans < spans) {
    const needed = spans - own.spans;
    const waitMs = own.refused.untilMs - Date.now();
    if (waitMs > 0 && needed >= own.refused.spans) {
      const limit = [
        ...(key.spansPerSecond === null ? [] : [`${key.spansPerSecond} spans a second`]),
        ...(key.spansPerDay === null ? [] : [`${key.spansPerDay} a day`]),
      ].join(' and ');
      const message = `more than the ${limit} of ${key.id}: send the same again later`;
      throw new IngestError(429, 'key_limit', message, Math.max(1, Math.ceil(waitMs / 1000)));
    }
    await own.asking.join(() => lease(env, key, own, needed));
  }
  own.spans -= spans;
}

/** Gives back what `spend` has let in, and was refused after that: it comes again. */
export function giveBack(key: Key | null, spans: number): void {
  if (isLimited(key)) leasedBy(key).spans += spans;
}

function isLimited(key: Key | null): key is Key {
  return key !== null && (key.spansPerSecond !== null || key.spansPerDay !== null);
}

function leasedBy({ id }: Key): Leased {
  let own = leased.get(id);
  if (!own) {
    own = { spans: 0, refused: { spans: 0, untilMs: 0 }, asking: new SharedCall() };
    leased.set(id, own);
  }
  return own;
}

async function lease(env: Env, key: Key, own: Leased, needed: number): Promise<void> {
  const { id, spansPerSecond, spansPerDay } = key;
  const wanted = Math.min(
    (spansPerSecond ?? Number.POSITIVE_INFINITY) * LEASE_SECONDS,
    (spansPerDay ?? Number.POSITIVE_INFINITY) / LEASES_PER_DAY,
  );
  const limits = { spansPerSecond, spansPerDay };
  const { spans, waitMs } = await askLedger(env, 'what the key may send is not known', (ledger) =>
    ledger.leaseKey(id, limits, needed, Math.ceil(wanted)),
  );
  own.spans += spans;
  // Others that wait need not ask for the same in vain.
  if (waitMs > 0) own.refused = { spans: needed, untilMs: Date.now() + waitMs };
}
