/**
 * How much goes into a batch and how soon the next may follow, by what came back for those before. Pure: the clock comes in.
 *
 * A batch that takes long is half as large the next time: what is on its way when the page goes away is sent twice. While the edge says
 * that it is pressed the intervals between batches grow, and when it is pressed hard only what matters most is sent.
 */

import type { Sent } from './outcome.ts';

/** By how much of itself the interval between two batches grows. Under pressure that is high not every span is sent either. */
const SLOWER: Readonly<Record<string, number>> = { moderate: 0.25, high: 1, overload: 1 };
const MAX_PAUSE_MS = 5_000;
/** What the edge said longer ago than this counts no more. */
const PRESSURE_MS = 30_000;
/** An answer that takes longer makes the next batch smaller, and as long in coming. */
const SLOW_ANSWER_MS = 2_000;
const MIN_RING_BYTES = 8 * 1024;

export interface Pace {
  /** How much of the ring goes into the next batch. */
  readonly ringBytes: number;
  /** The edge asks for what matters most only. */
  isHigh(nowMs: number): boolean;
  /** How long the next batch has to wait. */
  pauseMs(nowMs: number): number;
  /** A batch was answered, or not. */
  note(sent: Pick<Sent, 'outcome' | 'pressure' | 'tookMs'>, nowMs: number): void;
}

export function createPace(maxRingBytes: number): Pace {
  let ringBytes = maxRingBytes;
  let pressure = '';
  let tookMs = 0;
  let notedMs = 0;
  const slower = (nowMs: number) => (nowMs - notedMs > PRESSURE_MS ? 0 : (SLOWER[pressure] ?? 0));

  return {
    get ringBytes() {
      return ringBytes;
    },
    isHigh: (nowMs) => slower(nowMs) >= 1,
    pauseMs(nowMs) {
      const sinceMs = nowMs - notedMs;
      const latencyMs = tookMs > SLOW_ANSWER_MS ? tookMs - sinceMs : 0;
      return Math.max(0, Math.min(Math.max(sinceMs * slower(nowMs), latencyMs), MAX_PAUSE_MS));
    },
    note(sent, nowMs) {
      ({ tookMs } = sent);
      pressure = sent.pressure ?? '';
      notedMs = nowMs;
      const isSlow = sent.outcome === 'unavailable' || tookMs > SLOW_ANSWER_MS;
      ringBytes = isSlow ? Math.max(MIN_RING_BYTES, ringBytes / 2) : Math.min(maxRingBytes, ringBytes * 2);
    },
  };
}
