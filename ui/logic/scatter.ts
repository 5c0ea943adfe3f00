/** Duration over time of a list of traces: where the dots and the lines of the picture stand. */

import type { TraceSummary } from '../../model/span.ts';
import type { TimeRange } from './viewport.ts';

export interface Dot {
  readonly trace: TraceSummary;
  /** 0 at the left and at the bottom, 1 at the right and at the top. */
  readonly x: number;
  readonly y: number;
  /** Share of the greatest radius, by span count. */
  readonly size: number;
}

export interface Scatter {
  readonly dots: readonly Dot[];
  /** Durations at powers of ten, with where they stand. */
  readonly lines: readonly { readonly durationUs: number; readonly y: number }[];
}

/** Durations below this stand on the bottom line. */
const LEAST_DURATION_US = 100;

/** The picture's least time, and the air before its oldest trace as a share of it. */
const LEAST_TIME_US = 60e6;
const AIR = 0.04;

/** The part of what was searched that the traces fill: from the oldest of them to the end of the search. */
export function scatterRange(traces: readonly TraceSummary[], searched: TimeRange): TimeRange {
  const oldestUs = traces.reduce((least, trace) => Math.min(least, trace.startUs), searched.endUs);
  const startUs = searched.endUs - Math.max((searched.endUs - oldestUs) * (1 + AIR), LEAST_TIME_US);
  return { startUs: Math.max(startUs, searched.startUs), endUs: searched.endUs };
}

/** Time is linear over `range`, duration logarithmic between the powers of ten around what is there. */
export function layoutScatter(traces: readonly TraceSummary[], range: TimeRange): Scatter {
  let least = Number.POSITIVE_INFINITY;
  let greatest = LEAST_DURATION_US;
  for (const { durationUs } of traces) {
    least = Math.min(least, Math.max(durationUs, LEAST_DURATION_US));
    greatest = Math.max(greatest, durationUs);
  }
  const low = Math.floor(Math.log10(Math.min(least, greatest)));
  const high = Math.max(Math.ceil(Math.log10(greatest)), low + 1);
  const y = (us: number) => (Math.log10(Math.max(us, LEAST_DURATION_US)) - low) / (high - low);
  const length = Math.max(range.endUs - range.startUs, 1);
  return {
    dots: traces.map((trace) => ({
      trace,
      x: Math.min(1, Math.max(0, (trace.startUs - range.startUs) / length)),
      y: y(trace.durationUs),
      size: Math.min(1, Math.sqrt(trace.spanCount) / 20),
    })),
    lines: Array.from({ length: high - low + 1 }, (_, n) => ({ durationUs: 10 ** (low + n), y: n / (high - low) })),
  };
}
