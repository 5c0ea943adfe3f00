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

  /**
   * Calls `keep` with each, and forgets those that it does not keep. The list is whole at any moment: a page may end within. Where
   * `keep` itself has swept, by what user code did in it, and the place is lost, this ends: the list has been seen to.
   */
  sweep(keep: (span: OpenRecordable) => boolean): void {
    let kept: OpenRecordable | null = null;
    let span = this.#first;
    while (span) {
      const isKept = keep(span);
      if ((kept ? kept.next : this.#first) !== span) return;
      const { next }: OpenRecordable = span;
      if (isKept) kept = span;
      else {
        if (kept) kept.next = next;
        else this.#first = next;
        if (!next) this.#last = kept;
        span.next = null;
      }
      span = next;
    }
  }
}
