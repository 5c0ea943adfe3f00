/** What a shard's log has of one trace, a page at a time. */

import { MAX_READ_BYTES } from '../model/limits.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { Journal } from './journal.ts';
import type { Place } from './log.ts';
import type { ShardTrace } from './protocol.ts';
import { parseWords } from './trace-words.ts';

/** What comes after `after`, as much as one answer can carry; null when the trace is not known. */
export function readTrace(journal: Journal, traceId: string, after: Place | null): ShardTrace | null {
  const { live } = journal;
  const id = parseWords(traceId);
  const trace = live.find(traceId);
  const decision = trace === -1 ? journal.findDecision(id)?.decision : live.traces.decision[trace];
  if (trace === -1 && !decision) return null;
  const state = decision ? (decision.keep ? 'kept' : 'dropped') : 'live';
  // What of a kept trace is settled is in the store.
  const unsettled = trace === -1 ? [] : live.places(trace);
  const places = (state === 'kept' ? unsettled : journal.findSlices(id))
    .filter((place) => isAfter(place, after))
    .sort((a, b) => (isAfter(a, b) ? 1 : -1));
  let bytes = 0;
  const page = places.filter(({ start, end }, i) => {
    bytes += end - start;
    return i === 0 || bytes <= MAX_READ_BYTES;
  });
  return {
    state,
    decision: decision ?? null,
    isLive: trace !== -1,
    otlp: concatBytes(page.map(journal.readSlice)),
    next: page.length < places.length ? page.at(-1)! : null,
  };
}

function isAfter(place: Place, after: Place | null): boolean {
  if (!after) return true;
  if (place.bucket !== after.bucket) return place.bucket > after.bucket;
  return place.row !== after.row ? place.row > after.row : place.start > after.start;
}
