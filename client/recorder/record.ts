/**
 * A record: one version of one span, open or ended, in the ring. Ids and times are words, so that a batch can refer
 * to them shorter; the rest is the span's body as the batch carries it (`model/batch/span-body.ts`).
 *
 *     0 length in bytes   1 twice the body's length, plus 1 for roots and errors   2-3 start   4-5 end, -1 when open
 *     6-9 trace id   10-11 span id   12-13 parent id, 0 when there is none   then the body
 *
 * Times are doubles, in microseconds since the Unix epoch. Ids are in the order of their bytes.
 */

import { createSpanBodyWriter } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import type { Recordable } from './recordable.ts';
import type { Ring } from './ring.ts';
import type { StringTable } from './strings.ts';

export const RECORD_BODY = 1;
export const RECORD_TIMES = 2;
export const RECORD_TRACE = 6;
export const RECORD_SPAN = 10;
export const RECORD_PARENT = 12;
export const RECORD_WORDS = 14;

/** The year 2112. Differences of such times still fit the batch format's integers. */
const MAX_TIME_US = 2 ** 52;
/** A span larger than this is not recorded. */
const MAX_RECORD_BYTES = 64 * 1024;
/** Spans at least this long are kept when the ring has no room for ordinary ones. */
export const SLOW_US = 1_000_000;

/**
 * Makes the function that records a span's present version. It returns false when the ring is too full, and throws a
 * RangeError when the span is too large for a record.
 */
export function createRecordWriter(ring: Ring, strings: StringTable): (span: Recordable) => boolean {
  const bytes = new Uint8Array(MAX_RECORD_BYTES);
  const words = new Int32Array(bytes.buffer);
  const times = new Float64Array(bytes.buffer, RECORD_TIMES * 4, 2);
  // DataView writes words big-endian, which is the order of an id's bytes.
  const ids = new DataView(bytes.buffer, RECORD_TRACE * 4);
  const out = createByteWriter(MAX_RECORD_BYTES, bytes);
  const body = createSpanBodyWriter(out, strings.find);

  return (span) => {
    const { endUs, trace } = span;
    const parent = span.parent ?? trace;
    const startUs = toTime(span.startUs);
    const isError = span.statusCode === 2;
    if (ring.usedBytes === 0) strings.startOver();
    out.truncate(RECORD_WORDS * 4);
    body.span(span, startUs);
    for (let i = 0; i < 4; i++) ids.setInt32(4 * i, trace.words[i]!);
    ids.setInt32(16, span.id0);
    ids.setInt32(20, span.id1);
    ids.setInt32(24, parent.id0);
    ids.setInt32(28, parent.id1);
    const isRoot = words[RECORD_PARENT] === 0 && words[RECORD_PARENT + 1] === 0;
    words[RECORD_BODY] = (out.length - RECORD_WORDS * 4) * 2 + Number(isError || isRoot);
    times[0] = startUs;
    times[1] = endUs === null ? -1 : toTime(endUs);
    const isSlow = endUs !== null && endUs - startUs >= SLOW_US;
    return ring.push(words, out.length, isError ? 'error' : isSlow ? 'slow' : 'normal');
  };
}

/** A time from user code may be anything; what the batch format cannot carry becomes the epoch. */
function toTime(us: number): number {
  return us >= 0 && us < MAX_TIME_US ? Math.round(us) : 0;
}
