/** What a search means, for one trace. */

import { cutName } from '../model/names.ts';
import type { TraceDigest } from './merge.ts';
import type { SortKey, TraceQuery } from './store.ts';

export function matchesQuery({ summary, operations }: TraceDigest, query: TraceQuery): boolean {
  if (summary.startUs < query.startUs || summary.startUs > query.endUs) return false;
  if (query.after && newestFirst(query.after, summary) >= 0) return false;
  if (query.minDurationUs !== undefined && summary.durationUs < query.minDurationUs) return false;
  if (query.maxDurationUs !== undefined && summary.durationUs > query.maxDurationUs) return false;
  if (query.status !== undefined && summary.status !== query.status) return false;
  const service = query.service === undefined ? undefined : cutName(query.service);
  if (query.operation === undefined) {
    if (service === undefined) return true;
    return summary.services.some(({ name }) => name === service) || operations.some(([name]) => name === service);
  }
  const operation = cutName(query.operation);
  return operations.some((pair) => pair[1] === operation && (service === undefined || pair[0] === service));
}

/** The order of lists. */
export function newestFirst(a: SortKey, b: SortKey): number {
  return b.startUs - a.startUs || (a.traceId < b.traceId ? 1 : a.traceId > b.traceId ? -1 : 0);
}
