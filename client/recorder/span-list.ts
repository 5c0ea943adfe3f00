/**
 * Spans in the order in which they were added. They are linked through themselves, so that adding and removing allocates
 * nothing; a Set costs four times as much as all the rest of recording a span.
 */

import type { Linked, OpenRecordable } from './recordable.ts';

export class SpanList implements Linked {
  previous: Linked = this;
  next: Linked = this;

  get isEmpty(): boolean {
    return this.next === this;
  }

  /** `span` must be in no list. */
  add(span: OpenRecordable): void {
    const last = this.previous;
    span.previous = last;
    span.next = this;
    last.next = span;
    this.previous = span;
  }

  /** Takes `span` out of the list it is in; false when it is in none. */
  remove(span: OpenRecordable): boolean {
    const { previous, next } = span;
    if (!previous || !next) return false;
    previous.next = next;
    next.previous = previous;
    span.previous = null;
    span.next = null;
    return true;
  }

  /** Removes the first; null when there is none. */
  take(): OpenRecordable | null {
    if (this.isEmpty) return null;
    const first = this.next as OpenRecordable;
    this.remove(first);
    return first;
  }

  forEach(visit: (span: OpenRecordable) => void): void {
    for (let at = this.next; at !== this; at = at.next!) visit(at as OpenRecordable);
  }
}
