import * as v from 'valibot';
import { cutName } from '../../model/names.ts';
import type { Span } from '../../model/span.ts';
import type { TraceView } from '../trace-view.ts';

/** Where a policy looks for what it tests: on any span of the trace, or on its root or the stand-in of that. */
const PLACES = ['any', 'root'] as const;
export type Place = (typeof PLACES)[number];
export const place = v.optional(v.picklist(PLACES), 'any');

/** The decoded spans that a policy looks at. */
export function spansAt(view: TraceView, place: Place): readonly Span[] {
  const spans = view.decoded();
  if (place === 'any') return spans;
  const root = rootSpan(view, spans);
  return root ? [root] : [];
}

/** The root among decoded spans, which are in no certain order and have no index: the one that fits the root's columns best. */
function rootSpan(view: TraceView, spans: readonly Span[]): Span | null {
  const startUs = view.startUsOf(view.root);
  const name = view.name(view.root);
  let best: Span | null = null;
  let bestFit = -1;
  for (const span of spans) {
    const fit =
      (span.startUs === startUs ? 4 : 0) +
      (span.parentSpanId === undefined ? 2 : 0) +
      (cutName(span.name) === name ? 1 : 0);
    if (fit <= bestFit) continue;
    best = span;
    bestFit = fit;
  }
  return best;
}
