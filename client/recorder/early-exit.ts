/**
 * The last words of a page that is left before `recorder.js` is there: what it has goes out as beacons, straight from the
 * spans. What the browser does not take is lost, and counted; `exit.ts` does better.
 */

import type { Counters } from './counters.ts';
import { encodeEarly } from './early-batch.ts';
import { CONTENT_TYPE } from './outcome.ts';
import type { PageHost } from './page-recorder.ts';
import type { OpenRecordable } from './recordable.ts';
import type { SpanList } from './span-list.ts';

/** What browsers let keepalive requests and beacons have in flight together (https://fetch.spec.whatwg.org/). */
export const EXIT_BUDGET_BYTES: number = 64 * 1024;
/** Below this there is hardly room for a span beside the resource. */
export const MIN_PIECE_BYTES = 2048;
/** Larger spans come last: with its strings one may be all that there is room for, or more. */
export const BIG_BYTES: number = 16 * 1024;

/** Sends the spans as they are now, and keeps those that are open. */
export function sendEarly(
  spans: SpanList,
  { config, beforeRecord, beacon = sendBeacon }: Pick<PageHost, 'config' | 'beforeRecord' | 'beacon'>,
  counters: Counters,
  goodbye: boolean,
): void {
  const changed: OpenRecordable[] = [];
  spans.sweep((span) => {
    if (span.changed && beforeRecord?.(span) === false) {
      span.changed = false;
      counters.add('encode_failed');
    }
    if (span.changed) changed.push(span);
    return span.changed || span.endUs === null;
  });
  changed.sort((a, b) => rank(b) - rank(a));
  let sent = 0;
  const losses = counters.unreported();
  // Other scripts may have part of the budget: a smaller piece may fit.
  for (let room = EXIT_BUDGET_BYTES; room >= MIN_PIECE_BYTES; room /= 2) {
    const { bytes, spanCount } = encodeEarly(changed, config.resource, losses, counters.leavesOut, goodbye, room);
    if (spanCount === 0 || !beacon(config.url, bytes)) continue;
    sent = spanCount;
    counters.add('sent', sent);
    counters.add('accepted', sent);
    counters.report(losses);
    break;
  }
  counters.add('exit_budget', changed.length - sent);
  // Only now: Firefox may stop a script in the middle when its tab is closed, and then the next event has to do it all.
  for (const span of changed) span.changed = false;
}

/** What a page sends with when it will not see the answer. False when the browser takes no more. */
export function sendBeacon(url: string, bytes: Uint8Array<ArrayBuffer>): boolean {
  return navigator.sendBeacon(url, toBlob(bytes));
}

/** A request body that needs no preflight. */
export function toBlob(bytes: Uint8Array<ArrayBuffer>): Blob {
  return new Blob([bytes], { type: CONTENT_TYPE });
}

/** Errors and the page's own roots first; last what would leave no room for others. */
function rank({ statusCode, parent, heldBytes }: OpenRecordable): number {
  return heldBytes > BIG_BYTES ? -1 : statusCode === 2 || !parent ? 1 : 0;
}
