/** Times of other systems' parameters, brought to where our numbers are exact: to the year 2255. */

import { MAX_SEARCH_RANGE_US } from '../../model/limits.ts';

const MAX_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1000) - 1;

/** Any whole number of milliseconds since the epoch as microseconds. */
export function microsOf(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_MS) * 1000;
}

/** A range is 30 days at most, its last ones. */
export function boundRange(startUs: number, endUs: number): { startUs: number; endUs: number } {
  return { startUs: Math.max(startUs, endUs - MAX_SEARCH_RANGE_US), endUs };
}
