/**
 * Ends spans that were forgotten: they would stay in the page's memory for as long as the page. A span is idle when nothing was set on it
 * and no child of it was open; it ends when it was last busy. So do those that were busy longest ago, when all together take too much. To be
 * asked every few seconds, before open spans are recorded.
 */

import type { OpenRecordable } from './recordable.ts';
import type { SpanList } from './span-list.ts';

const MAX_IDLE_US = 15 * 60_000_000;
const MAX_LIFETIME_US = 4 * 3_600_000_000;
/** By their `heldBytes`: some 4,000 spans. */
const MAX_OPEN_BYTES = 2 ** 20;
/** On a span that was ended here: which of the three it was. */
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
    const lastBusyUs = (span: OpenRecordable) => busyUs.get(span) ?? span.startUs;
    let openBytes = 0;
    for (const span of open) {
      if (span.changed || parents.has(span)) busyUs.set(span, nowUs(span.trace.segmentUs));
      openBytes += span.heldBytes;
    }
    open.sort((a, b) => lastBusyUs(a) - lastBusyUs(b));
    for (const span of open) {
      const now = nowUs(span.trace.segmentUs);
      const lastUs = lastBusyUs(span);
      const isOld = now - span.startUs > MAX_LIFETIME_US;
      const isTooMuch = openBytes > MAX_OPEN_BYTES;
      if (!isOld && !isTooMuch && now - lastUs <= MAX_IDLE_US) continue;
      openBytes -= span.heldBytes;
      const [reason, forUs] = isOld ? ['lifetime', now - span.startUs] : [isTooMuch ? 'memory' : 'idle', now - lastUs];
      span.setAttribute(ENDED_BY, reason as string);
      span.end(isOld ? now : lastUs);
      warn(`the span "${span.name}" was not ended: ${reason} of ${Math.round(forUs / 60_000_000)} min`);
    }
  };
}
