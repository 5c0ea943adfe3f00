import type { Completeness, Span } from './span.ts';

/** What is missing in a trace, as far as its spans tell. */
export function completenessOf(spans: readonly Span[]): Completeness {
  const ids = new Set(spans.map((span) => span.spanId));
  const missing = new Set<string>();
  let rootEnded = false;
  let openSpans = 0;
  for (const { parentSpanId, state } of spans) {
    if (parentSpanId !== undefined && !ids.has(parentSpanId)) missing.add(parentSpanId);
    if (state !== 'ended') openSpans++;
    else if (parentSpanId === undefined) rootEnded = true;
  }
  return { rootEnded, missingParents: missing.size, openSpans };
}
