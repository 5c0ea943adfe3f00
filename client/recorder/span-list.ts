/**
 * Spans in the order in which they started, until they have ended and are encoded. They are linked through themselves, so
 * that keeping one allocates nothing, and ending one touches nothing but itself.
 */

import type { OpenRecordable } from './recordable.ts';

export class SpanList {
  #first: OpenRecordable | null = null;
  #last: OpenRecordable | null = null;

  get isEmpty(): boolean {
    return this.#first === null;
  }

  add(span: OpenRecordable): void {
    if (this.#last) this.#last.next = span;
    else this.#first = span;
    this.#last = span;
  }

  /** Calls `keep` with each, and forgets those that it does not keep. */
  sweep(keep: (span: OpenRecordable) => boolean): void {
    let span = this.#first;
    this.#first = null;
    this.#last = null;
    while (span) {
      const { next } = span;
      span.next = null;
      if (keep(span)) this.add(span);
      span = next;
    }
  }
}
