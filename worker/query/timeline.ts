/** `GET /api/traces/{id}/timeline`: what a trace tells, put together (`docs/api/traces.md`). */

import { decodeFrames } from '../../model/otlp/decode.ts';
import { type TimelineAnswer, toTimeline } from '../../model/timeline.ts';
import { type FoundTrace, traceAnswer } from './traces.ts';
import type { WindowStatistics } from './window-statistics.ts';

export function timelineAnswer(
  traceId: string,
  found: FoundTrace,
  { durationsOf, window }: WindowStatistics,
): TimelineAnswer {
  const traceState = found.isLive ? 'live' : found.state;
  const spans = decodeFrames(found.otlp, traceState);
  const { spans: _, ...facts } = traceAnswer(traceId, found, spans);
  const versions = found.received === found.otlp ? spans : decodeFrames(found.received, traceState);
  return { ...facts, statistics: window, ...toTimeline(spans, durationsOf, versions) };
}
