/**
 * Ends spans that were forgotten: they would stay in the page's memory for as long as the page. A span is idle when nothing was set on it
 * and no child of it was open; it ends when it was last busy. To be asked every few seconds, before open spans are recorded.
 */

import type { OpenRecordable } from './recordable.ts';
import type { SpanList } from './span-list.ts';

const MAX_IDLE_US = 15 * 60_000_000;
const MAX_LIFETIME_US = 4 * 3_600_000_000;
/** On a span that was ended here: which of the two it was. */
const ENDED_BY = 'tailrace.ended_by';

/** Looks at the spans that are open now; `nowUs` is the clock's. */
export type OpenWatch = (spans: SpanList, nowUs: (segmentUs: number) => number) => void;

/** `warn` is told of each span that is ended. */
export function createOpenWatch(warn: (text: string) => void): OpenWatch {
  const busyUs = new WeakMap<OpenRecordable, number>();
  return (spans, nowUs) => {
    const open: OpenRecordable[] = [];
    spans.sweep((span) => {
      if (span.endUs === null) open.push(span);
      return true;
    });
    const parents = new Set<object | null>(open.map(({ parent }) => parent));
    for (const span of open) {
      const now = nowUs(span.trace.segmentUs);
      if (span.changed || parents.has(span)) busyUs.set(span, now);
      const lastUs = busyUs.get(span) ?? span.startUs;
      const isOld = now - span.startUs > MAX_LIFETIME_US;
      if (!isOld && now - lastUs <= MAX_IDLE_US) continue;
      const [reason, forUs] = isOld ? ['lifetime', now - span.startUs] : ['idle', now - lastUs];
      span.setAttribute(ENDED_BY, reason as string);
      span.end(isOld ? now : lastUs);
      warn(`the span "${span.name}" was not ended: ${reason} of ${Math.round(forUs / 60_000_000)} min`);
    }
  };
}
