/**
 * When the next request may leave: not before the edge wants it, later after each failure, and never too many. Pure: clock and
 * randomness come in.
 *
 * - Backoff: after n failures in a row the gate stays shut for twice as long as after n - 1, with jitter.
 * - Circuit breaker: after `OPEN_AFTER` failures it is *open*, nobody waits for it any more, and what is to be sent is stored. When its
 *   time is over it is *half-open*: a failure opens it again, two successes close it. Batches are sent one after the other, so the
 *   first is the probe.
 * - Retry budget: what is sent again takes a token, and ten batches that arrive bring one. An edge that fails half the time gets a tenth
 *   more requests from this page, not twice as many (https://sre.google/sre-book/handling-overload/).
 * - Rate limit: a bucket, as virtual scheduling (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
 */

import type { Outcome } from './outcome.ts';

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 5 * 60_000;
/** A server that asks for more has lost its mind, or its clock. */
const MAX_RETRY_AFTER_MS = 60 * 60_000;
const OPEN_AFTER = 5;
const RETRY_TOKENS = 10;
const TOKENS_A_SUCCESS = 0.1;
const MIN_INTERVAL_MS = 25;
const BURST_MS = 100 * MIN_INTERVAL_MS;

export type GateState = 'closed' | 'open' | 'half-open';

export interface Gate {
  /** Of the circuit: *closed* is when all is well. */
  state(nowMs: number): GateState;
  /** Milliseconds until a request may leave, 0 for now. */
  waitMs(nowMs: number): number;
  /** A request leaves now. */
  pass(nowMs: number): void;
  /** What became of it, and what the edge asked for: milliseconds, null for nothing. */
  note(outcome: Outcome, retryAfterMs: number | null, nowMs: number): void;
  /** Takes a token of the retry budget; false when there is none. */
  tryRetry(): boolean;
  /** The network is said to be back: what was learned without it counts no more. What the edge itself has asked for does. */
  reopen(): void;
}

/** `random` gives numbers in [0, 1). */
export function createGate(random: () => number): Gate {
  let failures = 0;
  let tokens = RETRY_TOKENS;
  let askedUntilMs = 0;
  let backoffUntilMs = 0;
  let scheduledMs = 0;

  return {
    state(nowMs) {
      if (failures < OPEN_AFTER) return 'closed';
      return nowMs < backoffUntilMs ? 'open' : 'half-open';
    },
    waitMs: (nowMs) => Math.max(0, Math.max(askedUntilMs, backoffUntilMs, scheduledMs - BURST_MS) - nowMs),
    pass(nowMs) {
      scheduledMs = Math.max(scheduledMs, nowMs) + MIN_INTERVAL_MS;
    },
    note(outcome, retryAfterMs, nowMs) {
      // In [0.5, 1), so that many pages do not come back at the same moment.
      const jitter = 0.5 + random() / 2;
      if (retryAfterMs !== null) {
        askedUntilMs = nowMs + Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) + 2 * FIRST_DELAY_MS * jitter;
      }
      if (outcome !== 'unavailable') {
        failures = failures < OPEN_AFTER ? 0 : OPEN_AFTER - 1;
        tokens = Math.min(RETRY_TOKENS, tokens + TOKENS_A_SUCCESS);
        return;
      }
      failures++;
      const delayMs = retryAfterMs === null ? Math.min(FIRST_DELAY_MS * 2 ** failures, MAX_DELAY_MS) * jitter : 0;
      backoffUntilMs = nowMs + delayMs;
    },
    tryRetry() {
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
    reopen() {
      failures = 0;
      backoffUntilMs = 0;
    },
  };
}
