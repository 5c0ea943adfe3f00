/**
 * A record: one version of one span, open or ended, in the ring. Ids and times are words, so that a batch can refer
 * to them shorter; the rest is the span's body as the batch carries it (`model/batch/span-body.ts`).
 *
 *     0 length in bytes   1 twice the body's length, plus 1 for roots and errors   2-3 start   4-5 end, -1 when open
 *     6-9 trace id   10-11 span id   12-13 parent id, 0 when there is none   then the body
 *
 * Times are doubles, in microseconds since the Unix epoch.
 */

import { createSpanBodyWriter } from '../../model/batch/span-body.ts';
import { createByteWriter } from '../../model/bytes.ts';
import type { Recordable } from './recordable.ts';
import type { Ring } from './ring.ts';
import { isImportant, priorityOf, toTime } from './span-traits.ts';
import type { StringTable } from './strings.ts';

export const RECORD_BODY = 1;
export const RECORD_TIMES = 2;
export const RECORD_TRACE = 6;
export const RECORD_SPAN = 10;
export const RECORD_PARENT = 12;
export const RECORD_WORDS = 14;

/** A span larger than this is not recorded. */
const MAX_RECORD_BYTES = 64 * 1024;
/**
 * Makes the function that records a span's present version. It returns false when the ring is too full, and throws a
 * RangeError when the span is too large for a record.
 */
export function createRecordWriter(ring: Ring, strings: StringTable): (span: Recordable) => boolean {
  const bytes = new Uint8Array(MAX_RECORD_BYTES);
  const words = new Int32Array(bytes.buffer);
  const times = new Float64Array(bytes.buffer, RECORD_TIMES * 4, 2);
  const out = createByteWriter(MAX_RECORD_BYTES, bytes);
  const body = createSpanBodyWriter(out, strings.find);

  return (span) => {
    const { endUs } = span;
    const startUs = toTime(span.startUs);
    if (ring.usedBytes === 0) strings.startOver();
    out.truncate(RECORD_WORDS * 4);
    body.span(span, startUs);
    const { trace } = span;
    const parent = span.parent ?? trace;
    for (let i = 0; i < 4; i++) words[RECORD_TRACE + i] = trace.words[i]!;
    words[RECORD_SPAN] = span.id0;
    words[RECORD_SPAN + 1] = span.id1;
    words[RECORD_PARENT] = parent.id0;
    words[RECORD_PARENT + 1] = parent.id1;
    words[RECORD_BODY] = (out.length - RECORD_WORDS * 4) * 2 + Number(isImportant(span));
    times[0] = startUs;
    times[1] = endUs === null ? -1 : toTime(endUs);
    return ring.push(words, out.length, priorityOf(span));
  };
}
