/** Rolls statistics up, in bounded steps: a period at a time, from what the shorter ones have. */

import { encodeRollUp } from '../model/statistics-roll-up.ts';
import { StatisticsRowError } from '../model/statistics-row-error.ts';
import { type Grain, StatisticsSum } from '../model/statistics-sum.ts';
import { ROLL_UP_LENGTHS_MS } from './bounds.ts';
import { DAY_MS } from './retention.ts';
import { readPieces } from './statistics-pieces.ts';
import type { Period, Store } from './store.ts';

/** Most rows of a minute have been written by then, and each that comes later costs a roll-up again. */
const DELAY_MS = 300_000;
/** As long as a window may be, and a day that began before it. */
const REACH_MS = 31 * DAY_MS;

/**
 * Brings up to date at most `maxPeriods` roll-ups of each length, the latest first; answers how many there were. A period
 * that changes meanwhile stays as it was, until the next time, and so does one of which a shorter part is not up to date: so
 * each step is bounded, however much there is to do.
 */
export async function rollUpStatistics(store: Store, nowMs: number, maxPeriods: number): Promise<number> {
  let count = 0;
  // The shortest first: longer ones are made of them.
  let shorterMs: number | null = null;
  for (const lengthMs of ROLL_UP_LENGTHS_MS.toReversed()) {
    // Such periods end before the delay: one that begins later is under way.
    const toMs = Math.floor((nowMs - DELAY_MS) / lengthMs) * lengthMs;
    const fromMs = Math.floor((nowMs - REACH_MS) / lengthMs) * lengthMs;
    for (const period of await store.findStaleRollUps(lengthMs, fromMs, toMs, maxPeriods)) {
      const { startMs } = period;
      const stale = shorterMs && (await store.findStaleRollUps(shorterMs, startMs, startMs + lengthMs, 1));
      if (stale && stale.length > 0) continue;
      await rollUp(store, period);
      count++;
    }
    shorterMs = lengthMs;
  }
  return count;
}

async function rollUp(store: Store, period: Period): Promise<void> {
  const services = await sumOf(store, period, 'service');
  if (!services) return;
  const operations = await sumOf(store, period, 'operation');
  await store.writeRollUp({ ...period, services, operations });
}

/** null where it is more than a row may be. */
async function sumOf(store: Store, { startMs, lengthMs }: Period, grain: Grain): Promise<Uint8Array | null> {
  const sum = new StatisticsSum(grain);
  for await (const { row, minutes } of readPieces(store, { fromMs: startMs, toMs: startMs + lengthMs, grain })) {
    sum.add(row, minutes);
  }
  try {
    return encodeRollUp(sum.toRow());
  } catch (error) {
    if (error instanceof StatisticsRowError && error.fault === 'too_large') return null;
    throw error;
  }
}
