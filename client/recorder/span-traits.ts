/** A span's times as records and batches have them, and how much it matters. */

import type { Recordable } from './recordable.ts';
import type { Priority } from './ring.ts';

/** The year 2112. Differences of such times still fit the batch format's integers. */
const MAX_TIME_US = 2 ** 52;
/** Spans at least this long are kept when there is no room for ordinary ones. */
export const SLOW_US = 1_000_000;

/** A time from user code may be anything; what the batch format cannot carry becomes the epoch. */
export function toTime(us: number): number {
  return us >= 0 && us < MAX_TIME_US ? Math.round(us) : 0;
}

/** `error` is kept longest, `normal` least. */
export function priorityOf({ statusCode, startUs, endUs }: Recordable): Priority {
  if (statusCode === 2) return 'error';
  return endUs !== null && endUs - startUs >= SLOW_US ? 'slow' : 'normal';
}

/** It is of a root or an error. */
export function isImportant({ statusCode, trace, parent }: Recordable): boolean {
  const { id0, id1 } = parent ?? trace;
  return statusCode === 2 || (id0 === 0 && id1 === 0);
}
