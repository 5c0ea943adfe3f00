/** Which segments become one: those of an hour, then those of a day, so that a search opens few. */

import type { SegmentRow } from './d1-segments.ts';
import { DAY_MS } from './retention.ts';

export const SEGMENT_LEVELS = { blocks: 0, hour: 1, day: 2 } as const;
/** Traces a merged segment has at most: a merge is done in memory, at one go. */
export const MAX_MERGED_TRACES = 65_536;
/** Segments of an hour that is not over yet that are merged before it is. */
const MANY_SEGMENTS = 8;
const HOUR_MS = 3_600_000;
/** Traces come so much later than they begin, as a rule. */
const SETTLED_MS = 600_000;

export interface Merge {
  readonly level: number;
  /** Two or more; or one that has gone traces in it. */
  readonly segments: readonly SegmentRow[];
}

/** The most urgent thing to do, or null. */
export function planMerge(segments: readonly SegmentRow[], nowMs: number): Merge | null {
  const stale = segments.find((segment) => segment.stale > 0);
  if (stale) return { level: stale.level, segments: [stale] };
  return (
    planPeriod(segments, SEGMENT_LEVELS.hour, HOUR_MS, nowMs) ?? planPeriod(segments, SEGMENT_LEVELS.day, DAY_MS, nowMs)
  );
}

function planPeriod(segments: readonly SegmentRow[], level: number, periodMs: number, nowMs: number): Merge | null {
  const members = segments.filter((segment) => segment.level <= level);
  const periods = Map.groupBy(members, ({ maxStartUs }) => Math.floor(maxStartUs / 1000 / periodMs));
  for (const [period, ofPeriod] of periods) {
    const isOver = (period + 1) * periodMs + SETTLED_MS <= nowMs;
    const isMany =
      level === SEGMENT_LEVELS.hour && ofPeriod.filter((each) => each.level < level).length >= MANY_SEGMENTS;
    const fitting = isOver || isMany ? firstThatFit(ofPeriod) : [];
    if (fitting.length > 1) return { level, segments: fitting };
  }
  return null;
}

/** Of those that follow each other in time the first few that are small enough together. */
function firstThatFit(segments: readonly SegmentRow[]): SegmentRow[] {
  let run: SegmentRow[] = [];
  let traces = 0;
  for (const segment of segments.toSorted((a, b) => a.maxStartUs - b.maxStartUs)) {
    if (traces + segment.traceCount > MAX_MERGED_TRACES) {
      if (run.length > 1) return run;
      run = [];
      traces = 0;
    }
    run.push(segment);
    traces += segment.traceCount;
  }
  return run;
}
