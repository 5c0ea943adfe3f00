import { newestFirst } from '../order.ts';
import type { TraceSummary } from '../span.ts';
import type { SearchOrder } from './conditions.ts';

type Sorted = Pick<TraceSummary, 'startUs' | 'durationUs' | 'traceId'>;

/** Which of two found traces comes first. */
export function compareFound(order: SearchOrder, a: Sorted, b: Sorted): number {
  return (order === 'slowest' ? b.durationUs - a.durationUs : 0) || newestFirst(a, b);
}
