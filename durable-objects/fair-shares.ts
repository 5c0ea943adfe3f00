/**
 * Who has lately taken how much of a deployment's capacity, over all isolates, and what that keeps from them: the more somebody took beyond
 * an even share, the fuller the bucket has to be before they get more of it. So whoever takes most gives way first, by as much as
 * the others need, and nothing is kept from anybody while there is enough.
 */

import { MAX_CALLERS } from '../model/limits.ts';

/** What was taken counts less and less; after this time a third as much. */
const FADE_MS = 10_000;
/** Who has not asked or taken for so long is forgotten. */
const QUIET_MS = 30_000;
const SWEEP_MS = 1_000;
/** How much of the bucket is kept from somebody, by what they took beyond an even share, and at the most. */
const KEPT_BY_EXCESS = 4;
const MAX_KEPT = 0.5;

/** Spans that somebody was let in with. */
export type Taken = readonly (readonly [who: string, spans: number])[];

interface Caller {
  /** Faded up to `FairShares.atMs`. */
  spans: number;
  seenMs: number;
}

export class FairShares {
  private readonly callers = new Map<string, Caller>();
  private total = 0;
  private atMs = 0;

  /** Somebody was let in with so many spans, or with none and asks. Those for whom there is no room count as part of the whole only. */
  see(who: string, spans: number, nowMs: number): void {
    this.fade(nowMs);
    this.total += spans;
    const caller = this.callers.get(who);
    if (caller) {
      caller.spans += spans;
      caller.seenMs = nowMs;
    } else if (this.callers.size < MAX_CALLERS) {
      this.callers.set(who, { spans, seenMs: nowMs });
    }
  }

  /** How much of the bucket is kept from somebody for the others, 0 to 1. */
  keptFrom(who: string): number {
    const spans = this.callers.get(who)?.spans ?? 0;
    if (spans === 0) return 0;
    const excess = spans / this.total - 1 / this.callers.size;
    return Math.min(MAX_KEPT, Math.max(0, KEPT_BY_EXCESS * excess));
  }

  get size(): number {
    return this.callers.size;
  }

  /** A clock that goes back fades nothing. */
  private fade(nowMs: number): void {
    if (nowMs < this.atMs + SWEEP_MS) return;
    const left = Math.exp((this.atMs - nowMs) / FADE_MS);
    this.atMs = nowMs;
    this.total *= left;
    for (const [who, caller] of this.callers) {
      caller.spans *= left;
      if (caller.seenMs < nowMs - QUIET_MS) this.callers.delete(who);
    }
  }
}
