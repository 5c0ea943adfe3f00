/** Where a span's bar and its marks stand in the viewport. */

import type { Span } from '../../model/span.ts';
import type { TimeRange } from './viewport.ts';

/** From the first start to the last end, event or start among the spans; microseconds since the epoch. */
export function traceBounds(spans: readonly Span[]): TimeRange {
  let startUs = Number.POSITIVE_INFINITY;
  let endUs = Number.NEGATIVE_INFINITY;
  for (const span of spans) {
    startUs = Math.min(startUs, span.startUs);
    endUs = Math.max(endUs, span.startUs + (span.durationUs ?? 0));
    if (span.durationUs === undefined) for (const event of span.events) endUs = Math.max(endUs, event.timeUs);
  }
  return spans.length === 0 ? { startUs: 0, endUs: 0 } : { startUs, endUs };
}

/** A span's time since the trace's start. One without an end reaches to the end of what is known of the trace. */
export function spanRange(span: Span, bounds: TimeRange): TimeRange {
  const startUs = span.startUs - bounds.startUs;
  return {
    startUs,
    endUs: span.durationUs === undefined ? bounds.endUs - bounds.startUs : startUs + span.durationUs,
  };
}

export interface Bar {
  /** Fractions of the viewport's width, cut at 0 and 1. */
  readonly left: number;
  readonly right: number;
  /** On which side of the bar its label has room. */
  readonly label: 'after' | 'before' | 'inside';
}

/** The bar of a time range; null when it is outside the viewport. `labelShare`: the label's share of the width. */
export function layoutBar(range: TimeRange, viewport: TimeRange, labelShare: number): Bar | null {
  if (range.endUs < viewport.startUs || range.startUs > viewport.endUs) return null;
  const length = viewport.endUs - viewport.startUs;
  const left = Math.max(0, (range.startUs - viewport.startUs) / length);
  const right = Math.min(1, (range.endUs - viewport.startUs) / length);
  return { left, right, label: right <= 1 - labelShare ? 'after' : left >= labelShare ? 'before' : 'inside' };
}

/** Event marks closer than this share of the width are drawn as one. */
const MARK_DISTANCE = 0.004;

export interface EventMark {
  readonly fraction: number;
  readonly names: readonly string[];
  readonly exception: boolean;
}

/**
 * The marks of a span's events inside the viewport, neighbours merged, so that their number is bounded. `startUs` is where the
 * span stands: its events move with it.
 */
export function layoutEvents(span: Span, startUs: number, viewport: TimeRange): EventMark[] {
  const length = viewport.endUs - viewport.startUs;
  const marks: { fraction: number; names: string[]; exception: boolean }[] = [];
  for (const event of span.events.toSorted((a, b) => a.timeUs - b.timeUs)) {
    const fraction = (event.timeUs - span.startUs + startUs - viewport.startUs) / length;
    if (fraction < 0 || fraction > 1) continue;
    const last = marks.at(-1);
    const exception = event.name === 'exception';
    if (last !== undefined && fraction - last.fraction < MARK_DISTANCE) {
      if (last.names.length < 5) last.names.push(event.name);
      last.exception ||= exception;
    } else marks.push({ fraction, names: [event.name], exception });
  }
  return marks;
}
