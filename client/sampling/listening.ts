/** Listens to what the edge says with its answers, and finds out from them how far the page's clock is off. */

import { DIRECTIVES_HEADER, parseDirectives } from '../../model/sdk-config.ts';
import { wallMs } from '../api/clock.ts';
import type { Fetch } from '../recorder/exporter.ts';

/** `directives` is the header's text, `offsetMs` the edge's clock less the page's. */
export type Hear = (directives: string, offsetMs: number) => void;

/** After this long another answer may be worse than the best so far and yet be believed: clocks drift. */
const MAX_AGE_MS = 60_000;

/**
 * `fetch`, with what it hears handed to `hear`, and what it has found told to the edge as `offset` in the query. An answer
 * says the time somewhere between request and answer: the shorter the wait was, the better it is known.
 */
export function listening(fetch: Fetch, hear: Hear, nowMs: () => number = wallMs): Fetch {
  let offsetMs: number | null = null;
  let bestWaitMs = 0;
  let foundMs = 0;
  return async (url, init) => {
    const sentMs = nowMs();
    // Where OTLP goes to has no query.
    const joint = url.includes('?') ? '&' : '?';
    const response = await fetch(offsetMs === null ? url : `${url}${joint}offset=${Math.round(offsetMs)}`, init);
    const receivedMs = nowMs();
    const header = response.headers.get(DIRECTIVES_HEADER);
    const { timeMs } = parseDirectives(header);
    const waitMs = receivedMs - sentMs;
    // Set back meanwhile, a clock has nothing to say.
    if (timeMs !== null && waitMs >= 0) {
      const isOld = receivedMs < foundMs || receivedMs - foundMs > MAX_AGE_MS;
      if (offsetMs === null || waitMs <= bestWaitMs || isOld) {
        offsetMs = timeMs - (sentMs + receivedMs) / 2;
        bestWaitMs = waitMs;
        foundMs = receivedMs;
      }
    }
    if (header !== null) hear(header, offsetMs ?? 0);
    return response;
  };
}
