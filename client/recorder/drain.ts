/** Drains the ring: reads, encodes, sends, and releases what was accepted, one batch after the other. */

import { type BatchConfig, encodeBatch } from './batcher.ts';
import { createClaim, DRAIN } from './claim.ts';
import { Counters } from './counters.ts';
import type { Outcome } from './outcome.ts';
import { byStart, readPending } from './pending.ts';
import { createRing } from './ring.ts';

/** Delivers one encoded batch. `isWanted` turns false when the page has taken over. */
export type Send = (bytes: Uint8Array<ArrayBuffer>, isWanted: () => boolean) => Promise<Outcome>;

export interface DrainOptions {
  readonly buffer: ArrayBufferLike;
  readonly config: BatchConfig;
  readonly send: Send;
  /** How much of the ring goes into one batch; bounds the time that one step takes. */
  readonly maxRingBytes: number;
  /** Waits for a good moment to read and encode. */
  readonly idle: () => Promise<void>;
}

/**
 * Makes the function that sends everything recorded until now. It resolves when that is accepted, or the edge cannot be
 * reached.
 */
export function createDrain({ buffer, config, send, maxRingBytes, idle }: DrainOptions): () => Promise<void> {
  const ring = createRing(buffer);
  const claim = createClaim(buffer, DRAIN);
  const counters = new Counters(buffer);
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  /** False when there is nothing more to do. */
  async function sendNext(): Promise<boolean> {
    const pending = readPending(ring, claim, claim.position, maxRingBytes);
    if (!pending) return false;
    const { records, end } = pending;
    const losses = counters.unreported();
    const { bytes } = encodeBatch({ buffer, config, records: records.sort(byStart), losses });
    if (!claim.holds()) return false;
    const outcome = await send(bytes, claim.holds);
    // Without the role these spans are the page's, and it counts them.
    if (outcome === 'unavailable' || !claim.release(end)) return false;
    counters.add(outcome, records.length);
    if (outcome === 'accepted') counters.report(losses);
    return true;
  }

  async function drain(): Promise<void> {
    do await idle();
    while (claim.check() && (await sendNext()));
  }

  return function run(): Promise<void> {
    if (running) {
      // The run under way may have read the ring before the last record was pushed: look again after it.
      next ??= running.then(() => {
        next = null;
        return run();
      });
      return next;
    }
    const result = drain().finally(() => {
      running = null;
    });
    running = result.catch(() => undefined);
    return result;
  };
}
