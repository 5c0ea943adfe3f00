/** What a list of traces says of itself: how many there are, and how far was searched. */

import type { SearchOrder } from '../../model/query/conditions.ts';
import type { TraceList } from '../../model/span.ts';
import { formatDuration } from './duration.ts';
import { formatTimeShort } from './time.ts';

/** `about 12,431 traces, 50 of them listed`; where no count came `50 traces or more`. */
export function describeFound(
  listed: number,
  isMore: boolean,
  counted: { readonly count: number; readonly exact: boolean } | null,
): string {
  // Traces come and go between the two answers: what is listed is there.
  if (!isMore || counted === null) return `${formatTraces(listed)}${isMore ? ' or more' : ''}`;
  const total = Math.max(counted.count, listed);
  const list = total > listed ? `, ${listed.toLocaleString('en')} of them listed` : '';
  return `${counted.exact ? '' : 'about '}${formatTraces(total)}${list}`;
}

/** Down to where everything was looked at, where there was no time for more; empty where the answer is complete. */
export function describeReach(
  { complete, searchedToUs }: Pick<TraceList, 'complete' | 'searchedToUs'>,
  order: SearchOrder,
  nowUs: number,
): string {
  if (complete) return '';
  if (searchedToUs === undefined) return 'There was no time to look at everything.';
  const to = order === 'newest' ? formatTimeShort(searchedToUs, nowUs) : formatDuration(searchedToUs);
  return `There was no time to look at everything: all were looked at down to ${to}.`;
}

function formatTraces(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'trace' : 'traces'}`;
}
