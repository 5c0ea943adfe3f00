/** When the spans of a tree ran, on one clock and with an end. */

import type { ClockSkew } from './skew.ts';
import type { SpanTree } from './tree.ts';

/** Microseconds since the epoch, by row. */
export interface SpanTimes {
  readonly startUs: Float64Array;
  readonly endUs: Float64Array;
}

/**
 * Times on the root's clock. A span without an end reaches to the last moment that is known of the trace, a synthetic one
 * from the first start to the last end of its children.
 */
export function spanTimes({ spans, parent, synthetic }: SpanTree, { clocks, clockOf }: ClockSkew): SpanTimes {
  const startUs = new Float64Array(spans.length).fill(Number.POSITIVE_INFINITY);
  const endUs = new Float64Array(spans.length).fill(Number.NEGATIVE_INFINITY);
  let lastUs = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < spans.length; row++) {
    if (synthetic?.[row] === 1) continue;
    const span = spans[row]!;
    const { offsetUs } = clocks[clockOf[row]!]!;
    startUs[row] = span.startUs + offsetUs;
    endUs[row] = startUs[row]! + (span.durationUs ?? 0);
    lastUs = Math.max(lastUs, endUs[row]!);
    if (span.durationUs === undefined)
      for (const { timeUs } of span.events) lastUs = Math.max(lastUs, timeUs + offsetUs);
  }
  // Children first.
  for (let row = spans.length - 1; row >= 0; row--) {
    if (spans[row]!.durationUs === undefined) endUs[row] = lastUs;
    const above = parent[row]!;
    if (above < 0 || synthetic?.[above] !== 1) continue;
    startUs[above] = Math.min(startUs[above]!, startUs[row]!);
    endUs[above] = Math.max(endUs[above]!, endUs[row]!);
  }
  return { startUs, endUs };
}
