import { DEFAULT_SEARCH_RANGE_US, MAX_SEARCH_RANGE_US } from '../limits.ts';
import type { TraceSearch } from './conditions.ts';

/** The time a search is about where one bound or both may be missing. Throws a RangeError where there is no such time. */
export function searchRange(
  startUs: number | undefined,
  endUs: number | undefined,
  nowUs: number,
): Pick<TraceSearch, 'startUs' | 'endUs'> {
  const end = endUs ?? nowUs;
  const start = startUs ?? end - DEFAULT_SEARCH_RANGE_US;
  if (start > end) throw new RangeError('start is after end');
  if (end - start > MAX_SEARCH_RANGE_US) {
    throw new RangeError(`start is more than ${MAX_SEARCH_RANGE_US / 86_400_000_000} days before end`);
  }
  return { startUs: start, endUs: end };
}
