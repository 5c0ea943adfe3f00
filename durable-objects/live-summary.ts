/** What a live trace's headers tell of its summary. */

import { type CompletenessNote, toCompleteness } from '../model/completeness.ts';
import type { Completeness, ServiceCount, TraceSummary } from '../model/span.ts';
import { AT_LIMIT, EARLY, FORGOTTEN } from './columns/trace-columns.ts';
import type { LiveView } from './live-view.ts';

/** What the spans themselves tell of a trace's summary. */
export type SpanFacts = Omit<TraceSummary, 'traceId' | 'state' | 'decision'>;

/** `bits` are the trace's; `counts` says which spans count; the time range, the root and the rest are of all that the view shows. */
export function summarize(view: LiveView, bits: number, counts: (i: number) => boolean): SpanFacts {
  const services = new Map<string, { name: string; spanCount: number; errorCount: number }>();
  let spanCount = 0;
  let errorCount = 0;
  for (let i = 0; i < view.spanCount; i++) {
    if (!counts(i)) continue;
    const name = view.service(i);
    let service = services.get(name);
    if (!service) {
      service = { name, spanCount: 0, errorCount: 0 };
      services.set(name, service);
    }
    service.spanCount++;
    spanCount++;
    if (!view.isError(i)) continue;
    service.errorCount++;
    errorCount++;
  }
  return {
    rootService: view.service(view.root),
    rootOperation: view.name(view.root),
    startUs: view.startUs,
    durationUs: view.durationUs,
    spanCount,
    errorCount,
    services: [...services.values()].sort(byName),
    status: errorCount > 0 ? 'error' : 'ok',
    completeness: completenessOf(view, bits),
  };
}

/** `bits` of the trace. */
function completenessOf({ rootEnded, missingParents, openCount }: LiveView, bits: number): Completeness {
  const notes: CompletenessNote[] = [];
  if ((bits & EARLY) !== 0) notes.push('decided_early');
  if ((bits & AT_LIMIT) !== 0) notes.push('limit_reached');
  if ((bits & FORGOTTEN) !== 0) notes.push('parts_forgotten');
  return toCompleteness({ rootEnded, missingParents, openSpans: openCount, notes });
}

function byName(a: ServiceCount, b: ServiceCount): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
