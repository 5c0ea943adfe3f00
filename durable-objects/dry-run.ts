import type { Decision } from '../model/span.ts';
import type { Sampler } from './decide.ts';
import type { TraceView } from './trace-view.ts';

/** Traces and spans that were decided alike. */
export interface DryRunCount extends Pick<Decision, 'keep' | 'reason' | 'policy'> {
  traces: number;
  spans: number;
}

/** What a sampler would make of these traces, each decided when it ended; the earliest should come first. Each view is used up before the next is taken. */
export function dryRun(sampler: Sampler, views: Iterable<TraceView>): DryRunCount[] {
  const counts = new Map<string, DryRunCount>();
  for (const view of views) {
    countDecision(counts, sampler.decide(view, (view.startUs + view.durationUs) / 1000), view.spanCount);
  }
  return [...counts.values()];
}

/** Counts traces, one by default, under what was decided about them. */
export function countDecision(
  counts: Map<string, DryRunCount>,
  { keep, reason, policy }: Pick<Decision, 'keep' | 'reason' | 'policy'>,
  spans: number,
  traces = 1,
): void {
  const key = `${keep} ${reason} ${policy}`;
  const count = counts.get(key) ?? { keep, reason, policy, traces: 0, spans: 0 };
  count.traces += traces;
  count.spans += spans;
  counts.set(key, count);
}
