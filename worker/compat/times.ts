/** Times of other systems' parameters, brought to where our numbers are exact: from 1970 to 2255. */

import { MAX_SEARCH_RANGE_US } from '../../model/limits.ts';

const MAX_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1000) - 1;

/** Any number of milliseconds since the epoch as microseconds. */
export function microsOf(ms: number): number {
  return clamp(ms, MAX_MS) * 1000;
}

/** A range is 30 days at most, its last ones. */
export function boundRange(startUs: number, endUs: number): { startUs: number; endUs: number } {
  const end = clamp(endUs, MAX_MS * 1000 + 999);
  return { startUs: clamp(Math.max(startUs, end - MAX_SEARCH_RANGE_US), MAX_MS * 1000 + 999), endUs: end };
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}
