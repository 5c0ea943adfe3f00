/** Finds the records that a consumer has to deliver. They leave the ring when they are released, not when they are read. */

import type { Claim } from './claim.ts';
import { RECORD_BODY, RECORD_TIMES, RECORD_TRACE } from './record.ts';
import type { Ring } from './ring.ts';
import { SLOW_US } from './span-traits.ts';

/** A record that is in the ring. */
export interface PendingRecord {
  /** Where it begins in the ring's words. */
  readonly index: number;
  readonly startUs: number;
  /** -1 when the span is open. */
  readonly endUs: number;
  /** It is of a root or an error. */
  readonly isImportant: boolean;
}

/**
 * The records from `position` until there are no more or they take `maxBytes`, and the position after the last. null
 * when there are none, or the role was lost meanwhile. What is made from the records is whole only if `claim.holds()`
 * is still true after it was made.
 */
export function readPending(
  ring: Ring,
  claim: Claim,
  position: number,
  maxBytes: number,
): { readonly records: PendingRecord[]; readonly end: number } | null {
  const { words } = ring;
  const records: PendingRecord[] = [];
  try {
    const end = ring.read(position, maxBytes, (index) => {
      const [startUs, endUs] = new Float64Array(words.slice(index + RECORD_TIMES, index + RECORD_TRACE).buffer);
      const isImportant = (words[index + RECORD_BODY]! & 1) === 1;
      records.push({ index, startUs: startUs!, endUs: endUs!, isImportant });
    });
    return records.length > 0 && claim.holds() ? { records, end } : null;
  } catch (error) {
    if (claim.holds()) throw error;
    return null;
  }
}

/** It is sent even when the edge is short of everything: a root, an error, or slow. */
export function isSentFirst({ startUs, endUs, isImportant }: PendingRecord): boolean {
  return isImportant || endUs - startUs >= SLOW_US;
}

/** By start, which puts parents before their children: so they encode shortest. */
export function byStart(a: PendingRecord, b: PendingRecord): number {
  return a.startUs - b.startUs;
}

/** Roots and errors first: what matters most when not everything can be sent. */
export function byImportance(a: PendingRecord, b: PendingRecord): number {
  return Number(b.isImportant) - Number(a.isImportant) || byStart(a, b);
}
