/**
 * A record: one version of one span, open or ended, in the ring. Ids and times are words, so that a batch can refer
 * to them shorter; the rest is the span's body as the batch carries it (`model/batch/span-body.ts`).
 *
 *     0 length in bytes   1 twice the body's length, plus 1 for roots and errors   2-3 start   4-5 end, -1 when open
 *     6-9 trace id   10-11 span id   12-13 parent id, 0 when there is none   then the body
 *
 * Times are doubles, in microseconds since the Unix epoch. Ids are in the order of their bytes.
 */

import { SpanBodyWriter } from '../../model/batch/span-body.ts';
import { ByteWriter } from '../../model/bytes.ts';
import type { OpenRecordable } from './recordable.ts';
import type { Priority, Ring } from './ring.ts';
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
const MAX_BODY_BYTES = 64 * 1024;
/** Spans at least this long are kept when the ring has no room for ordinary ones. */
const SLOW_US = 1_000_000;

export class RecordWriter {
  readonly #ring: Ring;
  readonly #strings: StringTable;
  readonly #words = new Int32Array(RECORD_WORDS);
  readonly #times = new Float64Array(this.#words.buffer, RECORD_TIMES * 4, 2);
  /** DataView writes words big-endian, which is the order of an id's bytes. */
  readonly #ids = new DataView(this.#words.buffer, RECORD_TRACE * 4);
  readonly #body = new ByteWriter(MAX_BODY_BYTES);
  readonly #bodyWriter: SpanBodyWriter;

  constructor(ring: Ring, strings: StringTable) {
    this.#ring = ring;
    this.#strings = strings;
    this.#bodyWriter = new SpanBodyWriter(this.#body, (text) => strings.find(text));
  }

  /** False when the ring is too full. Throws a RangeError when the span is too large for a record. */
  push(span: OpenRecordable): boolean {
    const { endUs, statusCode } = span;
    const { trace, parent0, parent1 } = span.place;
    const startUs = toTime(span.startUs);
    const isRoot = parent0 === 0 && parent1 === 0;
    if (this.#ring.usedBytes === 0) this.#strings.startOver();
    this.#body.truncate(0);
    this.#bodyWriter.span(span, startUs);
    [...trace.words, span.id0, span.id1, parent0, parent1].forEach((word, i) => {
      this.#ids.setInt32(4 * i, word);
    });
    this.#words[RECORD_BODY] = this.#body.length * 2 + (isRoot || statusCode === 2 ? 1 : 0);
    this.#times[0] = startUs;
    this.#times[1] = endUs === null ? -1 : toTime(endUs);
    const isSlow = endUs !== null && endUs - startUs >= SLOW_US;
    const priority: Priority = statusCode === 2 ? 'error' : isSlow ? 'slow' : 'normal';
    return this.#ring.push(this.#words, this.#body.written(), priority);
  }
}

/** A time from user code may be anything; what the batch format cannot carry becomes the epoch. */
function toTime(us: number): number {
  return us >= 0 && us < MAX_TIME_US ? Math.round(us) : 0;
}
