/** How far a count can be relied on. */

import type { Estimate } from '../../model/statistics-merge.ts';

/**
 * `high`: at least 30 spans were seen, and the count is known to a tenth. `medium`: at least 10, to a half. Else `low`. A count
 * without sampling at the head is exact; then only the number of spans says how much its percentiles mean.
 */
export type Confidence = 'high' | 'medium' | 'low';

export function confidenceOf({ spans, count }: { readonly spans: number; readonly count: Estimate }): Confidence {
  const margin = (count.high - count.estimate) / count.estimate;
  if (spans >= 30 && margin <= 0.1) return 'high';
  return spans >= 10 && margin <= 0.5 ? 'medium' : 'low';
}
