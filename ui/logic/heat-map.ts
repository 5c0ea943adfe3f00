/** Duration over time: how many traces there are of each, and the listed ones as dots. Layout and what a brush picks. */

import type { TraceSummary } from '../../model/span.ts';
import type { TimeRange } from './viewport.ts';

/** The answer of `GET /api/traces/histogram`. */
export interface TraceHistogram {
  /** Starts of columns, equally wide; the last one reaches to the end of what was searched. */
  readonly startsUs: readonly number[];
  /** Lower bounds of durations, the first one 0; the last one has no upper bound. */
  readonly durationsUs: readonly number[];
  /** Traces by column, then by duration. */
  readonly heatmap: readonly (readonly number[])[];
  readonly count: number;
  readonly exact: boolean;
}

/** Shares of the picture: 0 at the left and at the bottom, 1 at the right and at the top. */
interface Box {
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
  readonly top: number;
}

export interface Cell extends Box {
  readonly count: number;
  /** 0 to 1 with the logarithm of the count. */
  readonly weight: number;
  readonly times: TimeRange;
  readonly durations: DurationRange;
}

export interface DurationRange {
  readonly leastUs: number;
  readonly mostUs: number;
}

export interface Dot {
  readonly trace: TraceSummary;
  readonly x: number;
  readonly y: number;
  /** Share of the greatest radius, by span count. */
  readonly size: number;
}

export interface HeatMap {
  readonly times: TimeRange;
  readonly durations: DurationRange;
  readonly cells: readonly Cell[];
  readonly dots: readonly Dot[];
  readonly lines: readonly { readonly durationUs: number; readonly y: number }[];
}

/** One, two and five of every power of ten: bounds of the API's rows, and one on either side. What is shorter stands on the lowest. */
const BOUNDS_US = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** (power + 1)))
  .flat()
  .concat(1e10)
  .filter((us) => us >= 50);
const LEAST_ROWS = 3;

/** The picture's least time, and the air before its oldest trace as a share of it. */
const LEAST_TIME_US = 60e6;
const AIR = 0.04;

/** `searched` is the time that was asked for; the picture shows of it what there is something in. Without a histogram only dots. */
export function layoutHeatMap(
  histogram: TraceHistogram | null,
  traces: readonly TraceSummary[],
  searched: TimeRange,
): HeatMap {
  const full = histogram === null ? [] : filledCells(histogram, searched.endUs);
  const times = timesOf(full, traces, searched);
  const durations = durationsOf(full, traces);
  const x = (us: number) => share(us, times.startUs, times.endUs);
  const y = (us: number) => share(Math.log(us), Math.log(durations.leastUs), Math.log(durations.mostUs));
  const most = Math.log1p(full.reduce((greatest, { count }) => Math.max(greatest, count), 1));
  return {
    times,
    durations,
    cells: full.map((cell) => ({
      ...cell,
      left: x(cell.times.startUs),
      right: x(cell.times.endUs),
      bottom: y(Math.max(cell.durations.leastUs, BOUNDS_US[0]!)),
      top: y(cell.durations.mostUs),
      weight: Math.log1p(cell.count) / most,
    })),
    dots: traces.map((trace) => ({
      trace,
      x: x(trace.startUs),
      y: y(Math.max(trace.durationUs, BOUNDS_US[0]!)),
      size: Math.min(1, Math.sqrt(trace.spanCount) / 20),
    })),
    lines: linesOf(durations).map((durationUs) => ({ durationUs, y: y(durationUs) })),
  };
}

/** What a brushed part picks: times and durations, each only where the brush is narrower than the picture in that direction. */
export function pickFromHeatMap(
  { times, durations }: HeatMap,
  { left, right, bottom, top }: Box,
): { readonly times?: TimeRange; readonly durations?: DurationRange } {
  const timeAt = (at: number) => times.startUs + at * (times.endUs - times.startUs);
  const durationAt = (at: number) => durations.leastUs * (durations.mostUs / durations.leastUs) ** at;
  return {
    ...(right - left < 1 && { times: { startUs: Math.floor(timeAt(left)), endUs: Math.ceil(timeAt(right)) } }),
    ...(top - bottom < 1 && {
      durations: {
        leastUs: bottom <= 0 ? 0 : round(durationAt(bottom), Math.floor),
        mostUs: top >= 1 ? Number.POSITIVE_INFINITY : round(durationAt(top), Math.ceil),
      },
    }),
  };
}

function filledCells({ startsUs, durationsUs, heatmap }: TraceHistogram, endUs: number) {
  return startsUs.flatMap((startUs, column) => {
    const times = { startUs, endUs: Math.max(startsUs[column + 1] ?? endUs, startUs + 1) };
    return heatmap[column]!.flatMap((count, row) => {
      const leastUs = durationsUs[row]!;
      return count === 0 ? [] : [{ count, times, durations: { leastUs, mostUs: durationsUs[row + 1] ?? 2 * leastUs } }];
    });
  });
}

function timesOf(
  cells: readonly { readonly times: TimeRange }[],
  traces: readonly TraceSummary[],
  searched: TimeRange,
): TimeRange {
  let oldestUs = searched.endUs;
  for (const { times } of cells) oldestUs = Math.min(oldestUs, times.startUs);
  for (const { startUs } of traces) oldestUs = Math.min(oldestUs, startUs);
  const startUs = searched.endUs - Math.max((searched.endUs - oldestUs) * (1 + AIR), LEAST_TIME_US);
  return { startUs: Math.max(startUs, searched.startUs), endUs: searched.endUs };
}

function durationsOf(
  cells: readonly { readonly durations: DurationRange }[],
  traces: readonly TraceSummary[],
): DurationRange {
  let leastUs = Number.POSITIVE_INFINITY;
  let mostUs = 0;
  for (const { durations } of cells) {
    leastUs = Math.min(leastUs, durations.leastUs);
    mostUs = Math.max(mostUs, durations.mostUs - 1);
  }
  for (const { durationUs } of traces) {
    leastUs = Math.min(leastUs, durationUs);
    mostUs = Math.max(mostUs, durationUs);
  }
  const low = Math.min(
    Math.max(
      0,
      BOUNDS_US.findLastIndex((us) => us <= leastUs),
    ),
    BOUNDS_US.length - 1 - LEAST_ROWS,
  );
  const above = BOUNDS_US.findIndex((us) => us > mostUs);
  const high = Math.max(above < 0 ? BOUNDS_US.length - 1 : above, low + LEAST_ROWS);
  return { leastUs: BOUNDS_US[low]!, mostUs: BOUNDS_US[high]! };
}

/** Powers of ten, or every bound where there are less than three of them. */
function linesOf({ leastUs, mostUs }: DurationRange): number[] {
  const bounds = BOUNDS_US.filter((us) => us >= leastUs && us <= mostUs);
  const powers = bounds.filter((us) => Number.isInteger(Math.log10(us)));
  return powers.length < 3 ? bounds : powers;
}

function share(at: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (at - from) / Math.max(to - from, Number.MIN_VALUE)));
}

/** To two digits. */
function round(us: number, toInteger: (value: number) => number): number {
  const unit = Math.max(1, 10 ** (Math.floor(Math.log10(us)) - 1));
  return toInteger(us / unit) * unit;
}
