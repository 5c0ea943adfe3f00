/** A trace's typical one: of the same root operation, as near as there is to how long that usually takes. */

import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import type { Typical } from '../../model/difference.ts';
import { cutName } from '../../model/names.ts';
import type { Span, TraceSummary } from '../../model/span.ts';
import { serviceOf } from '../../model/tree.ts';
import type { Store } from '../../store/store.ts';
import { searchTraces } from './search.ts';
import { windowStatistics } from './window-statistics.ts';

/** How long before and after the trace others are looked for. */
const REACH_US = 3_600_000_000;
/** By how much they may be shorter or longer than the median: first little, then whatever there is. */
const WIDTHS = [1.1, 2, Number.POSITIVE_INFINITY];
const MAX_CANDIDATES = 100;

export interface FoundTypical {
  readonly traceId: string;
  readonly typical: Typical;
}

/** null where no other kept trace of the operation began within an hour. `spans` are those of the trace, at least one. */
export async function findTypical(
  env: Env,
  config: CurrentConfig,
  store: Store,
  spans: readonly Span[],
  nowMs: number,
): Promise<FoundTypical | null> {
  const root = spans.find(({ parentSpanId }) => parentSpanId === undefined) ?? spans[0]!;
  const [service, operation] = [cutName(serviceOf(root)), cutName(root.name)];
  const { durationsOf } = await windowStatistics(store, root.startUs, nowMs);
  const quantile = durationsOf({ service, name: root.name, kind: root.kind })?.quantile(0.5);
  const knownUs = quantile ? Math.round(quantile.estimateUs) : null;
  for (const width of knownUs === null ? [Number.POSITIVE_INFINITY] : WIDTHS) {
    const bounds =
      knownUs === null || width === Number.POSITIVE_INFINITY
        ? {}
        : { minDurationUs: Math.floor(knownUs / width), maxDurationUs: Math.ceil(knownUs * width) };
    const { traces } = await searchTraces(env, config, store, {
      service,
      operation,
      rootService: service,
      rootOperation: operation,
      attributes: [],
      ...bounds,
      startUs: Math.max(0, root.startUs - REACH_US),
      endUs: root.startUs + REACH_US,
      order: 'newest',
      limit: MAX_CANDIDATES,
    });
    const candidates = traces.filter(({ state, traceId }) => state === 'kept' && traceId !== root.traceId);
    if (candidates.length === 0) continue;
    const medianUs = knownUs ?? medianOf(candidates);
    const [nearest] = candidates.toSorted((a, b) => distance(a, medianUs) - distance(b, medianUs));
    const by = knownUs === null ? 'candidates' : 'statistics';
    return {
      traceId: nearest!.traceId,
      typical: { service, operation, medianUs, medianOf: by, candidates: candidates.length },
    };
  }
  return null;
}

function medianOf(traces: readonly TraceSummary[]): number {
  const sorted = traces.map(({ durationUs }) => durationUs).sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1]!;
}

/** As a ratio; one that failed is farther away than one that did not, whatever their durations. */
function distance({ durationUs, status }: TraceSummary, medianUs: number): number {
  return Math.abs(Math.log((durationUs + 1) / (medianUs + 1))) + (status === 'error' ? 100 : 0);
}
