/**
 * The viewport: the part of a trace's time that is on the screen. All times are microseconds since the trace's start,
 * `total` is the trace's whole length. No function leaves `0..total` or makes a range shorter than `MIN_RANGE_US`.
 */

export interface TimeRange {
  readonly startUs: number;
  readonly endUs: number;
}

export const MIN_RANGE_US = 10;

export function wholeRange(totalUs: number): TimeRange {
  return { startUs: 0, endUs: Math.max(totalUs, MIN_RANGE_US) };
}

export function isWhole(range: TimeRange, totalUs: number): boolean {
  const whole = wholeRange(totalUs);
  return range.startUs <= whole.startUs && range.endUs >= whole.endUs;
}

/** The range moved, then widened, then cut so that it obeys the rules above. */
export function clampRange(range: TimeRange, totalUs: number): TimeRange {
  const whole = wholeRange(totalUs);
  const low = Math.min(range.startUs, range.endUs);
  const length = Math.min(Math.max(Math.abs(range.endUs - range.startUs), MIN_RANGE_US), whole.endUs);
  const startUs = Math.min(Math.max(low, 0), whole.endUs - length);
  return { startUs, endUs: startUs + length };
}

/** Makes the range `factor` times as long (below 1 zooms in); the time `aboutUs` stays where it is on the screen. */
export function zoomAbout(range: TimeRange, factor: number, aboutUs: number, totalUs: number): TimeRange {
  const length = Math.max((range.endUs - range.startUs) * factor, MIN_RANGE_US);
  const share = (aboutUs - range.startUs) / (range.endUs - range.startUs);
  const startUs = aboutUs - length * share;
  return clampRange({ startUs, endUs: startUs + length }, totalUs);
}

/** Moves the range by a share of its own length; it stops at the ends of the trace. */
export function panBy(range: TimeRange, share: number, totalUs: number): TimeRange {
  const byUs = (range.endUs - range.startUs) * share;
  return clampRange({ startUs: range.startUs + byUs, endUs: range.endUs + byUs }, totalUs);
}

/** A range that shows a span with a little air around it. */
export function zoomToSpan(startUs: number, endUs: number, totalUs: number): TimeRange {
  const air = Math.max((endUs - startUs) * 0.05, MIN_RANGE_US / 2);
  return clampRange({ startUs: startUs - air, endUs: endUs + air }, totalUs);
}

/** The time at a fraction (0..1, clamped) of the viewport. */
export function timeAt(range: TimeRange, fraction: number): number {
  return range.startUs + (range.endUs - range.startUs) * Math.min(1, Math.max(0, fraction));
}
