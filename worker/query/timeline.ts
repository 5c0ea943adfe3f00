/** `GET /api/traces/{id}/timeline`: what a trace tells, put together (`docs/api/traces.md`). */

import { decodeSpans } from '../../model/otlp/decode.ts';
import { type TimelineAnswer, toTimeline } from '../../model/timeline.ts';
import { type FoundTrace, spansOf, traceAnswer } from './traces.ts';
import type { WindowStatistics } from './window-statistics.ts';

export function timelineAnswer(
  traceId: string,
  found: FoundTrace,
  { durationsOf, window }: WindowStatistics,
): TimelineAnswer {
  const spans = spansOf(found);
  const { spans: _, ...facts } = traceAnswer(traceId, found, spans);
  const versions =
    found.received === found.otlp ? spans : decodeSpans(found.received, found.isLive ? 'live' : found.state);
  return { ...facts, statistics: window, ...toTimeline(spans, durationsOf, versions) };
}
