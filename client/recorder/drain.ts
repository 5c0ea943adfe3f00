/**
 * Drains the ring: reads, encodes, sends, and releases what was accepted, one batch after the other; less often and less of it
 * when the edge says that it is pressed.
 */

import { wallMs } from '../api/clock.ts';
import { type BatchConfig, encodeBatch } from './batcher.ts';
import { createClaim, DRAIN } from './claim.ts';
import { Counters } from './counters.ts';
import type { Sent } from './outcome.ts';
import { byStart, isSentFirst, readPending } from './pending.ts';
import { createRing } from './ring.ts';

/** Delivers one encoded batch. `isWanted` turns false when the page has taken over. */
export type Send = (bytes: Uint8Array<ArrayBuffer>, isWanted: () => boolean) => Promise<Sent>;

/** By how much of itself the interval between two batches grows. Under pressure that is high not every span is sent either. */
const SLOWER: Readonly<Record<string, number>> = { moderate: 0.25, high: 1, overload: 1 };
const MAX_PAUSE_MS = 5_000;
/** What the edge said longer ago than this counts no more. */
const PRESSURE_MS = 30_000;

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
  let pressure = '';
  let answeredMs = 0;
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  /** False when there is nothing more to do. */
  async function sendNext(): Promise<boolean> {
    const pending = readPending(ring, claim, claim.position, maxRingBytes);
    if (!pending) return false;
    const { records, end } = pending;
    const losses = counters.unreported();
    const chosen = SLOWER[pressure]! >= 1 ? records.filter(isSentFirst) : records;
    if (chosen.length > 0) {
      const { bytes } = encodeBatch({ buffer, config, records: chosen.sort(byStart), losses });
      if (!claim.holds()) return false;
      const sent = await send(bytes, claim.holds);
      pressure = sent.pressure ?? '';
      answeredMs = wallMs();
      // Without the role these spans are the page's, and it counts them.
      if (sent.outcome === 'unavailable' || !claim.release(end)) return false;
      counters.add(sent.outcome, chosen.length);
      if (sent.outcome === 'accepted') counters.report(losses);
    } else if (!claim.release(end)) return false;
    counters.add('pressure', records.length - chosen.length);
    return true;
  }

  /** Makes the time since the last answer longer by as much as the edge's pressure asks for. */
  async function pause(): Promise<void> {
    const sinceMs = wallMs() - answeredMs;
    if (sinceMs > PRESSURE_MS) pressure = '';
    const pauseMs = sinceMs * (SLOWER[pressure] ?? 0);
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, MAX_PAUSE_MS)));
  }

  async function drain(): Promise<void> {
    do {
      await pause();
      await idle();
    } while (claim.check() && (await sendNext()));
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
