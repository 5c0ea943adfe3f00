/** The active span: what a new span has as parent when nothing else is said. It holds for the synchronous part only. */

import type { Span } from './span.ts';

let active: Span | null = null;

export function activeSpan(): Span | null {
  return active;
}

/** Makes `span` the active one and returns the one before, to be put back. */
export function setActiveSpan(span: Span | null): Span | null {
  const previous = active;
  active = span;
  return previous;
}
