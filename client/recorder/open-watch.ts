/**
 * Ends spans that were forgotten: they would stay in the page's memory for as long as the page. A span is idle when nothing was set on it
 * and no child of it was open; it ends when it was last busy. To be asked every few seconds, before open spans are recorded.
 */

const MAX_IDLE_US = 15 * 60_000_000;
const MAX_LIFETIME_US = 4 * 3_600_000_000;
/** On a span that was ended here: which of the two it was. */
const ENDED_BY = 'tailrace.ended_by';

export interface WatchedSpan {
  readonly name: string;
  readonly startUs: number;
  /** Something was set on it since it was last recorded. */
  readonly changed: boolean;
  readonly place: { readonly parent: object | null };
  setAttribute(key: string, value: string): unknown;
  end(atUs?: number): void;
}

/** `warn` is told of each span that is ended. */
export function createOpenWatch(nowUs: () => number, warn: (text: string) => void) {
  const busyUs = new WeakMap<WatchedSpan, number>();
  return function watchOpen(open: Iterable<WatchedSpan>): void {
    const spans = [...open];
    const parents = new Set(spans.map(({ place }) => place.parent));
    const now = nowUs();
    for (const span of spans) {
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
