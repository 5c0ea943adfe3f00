/** What the edge found out about a span, in the reader's words. */

import type { TimelineAnswer, TimelineClock, TimelineRow } from '../../model/timeline.ts';
import { formatDuration } from './duration.ts';

/** From here on a span is called slow for its operation where it is listed. */
const SLOW_PERCENTILE = 95;
/** Among fewer spans than these one in twenty is nobody. */
const LEAST_SPANS = 20;

/** `p99`: at least so many percent of its operation's spans were shorter; empty for one that is not slow. */
export function nameRank({ percentile, operation }: TimelineRow, operations: TimelineAnswer['operations']): string {
  const { spans = 0 } = operations[operation]!.statistics ?? {};
  if (percentile === undefined || percentile < SLOW_PERCENTILE || spans < LEAST_SPANS) return '';
  return `p${formatPercentile(percentile)}`;
}

/** Where a span stands among those of its operation; empty where there are no statistics. */
export function explainRank(row: TimelineRow, operations: TimelineAnswer['operations']): string {
  const { statistics } = operations[row.operation]!;
  if (row.percentile === undefined || statistics === undefined) return '';
  const { spans, p50Us, p95Us, p99Us } = statistics;
  const usual = `p50 ${formatDuration(p50Us)}, p95 ${formatDuration(p95Us)}, p99 ${formatDuration(p99Us)}`;
  if (spans < LEAST_SPANS) return `${spans} around it: ${usual}`;
  return `longer than ${formatPercentile(row.percentile)} % of ${spans.toLocaleString('en')} around it (${usual})`;
}

/** How a clock was corrected, and how sure that is. */
export function explainClock({ offsetUs, uncertaintyUs, confidence }: TimelineClock): string {
  const margin = uncertaintyUs === null ? '' : ` ± ${formatDuration(uncertaintyUs)}`;
  return `${offsetUs > 0 ? '+' : ''}${formatDuration(offsetUs)}${margin}, confidence ${Math.round(100 * confidence)} %`;
}

/** Never 100: the next one may be longer. */
function formatPercentile(percentile: number): string {
  return percentile > 99 ? String(Math.min(99.9, Math.floor(percentile * 10) / 10)) : String(Math.floor(percentile));
}
