/** How complete a trace is, as far as is known: a score and what takes it down. */

import type { Completeness, CompletenessReason, Span } from './span.ts';

/** What decision and log know beyond the spans themselves. */
export type CompletenessNote = Extract<CompletenessReason, 'decided_early' | 'limit_reached' | 'parts_forgotten'>;

export interface CompletenessFacts {
  readonly rootEnded: boolean;
  readonly missingParents: number;
  readonly openSpans: number;
  readonly notes?: readonly CompletenessNote[];
}

/**
 * The score is a product: 0.5 without an ended root, 0.9 for each missing parent down to 0.3, 0.9 for each open span down to
 * 0.5, 0.7 when memory was short, 0.9 at a limit, 0.6 when earlier parts may be forgotten. 1 is a trace that lacks nothing
 * that is known of.
 */
export function toCompleteness({ rootEnded, missingParents, openSpans, notes = [] }: CompletenessFacts): Completeness {
  const factors: readonly (readonly [reason: CompletenessReason, holds: boolean, factor: number])[] = [
    ['root_missing', !rootEnded, 0.5],
    ['parents_missing', missingParents > 0, Math.max(0.3, 0.9 ** missingParents)],
    ['spans_open', openSpans > 0, Math.max(0.5, 0.9 ** openSpans)],
    ['decided_early', notes.includes('decided_early'), 0.7],
    ['limit_reached', notes.includes('limit_reached'), 0.9],
    ['parts_forgotten', notes.includes('parts_forgotten'), 0.6],
  ];
  const lacking = factors.filter(([, holds]) => holds);
  const score = lacking.reduce((product, [, , factor]) => product * factor, 1);
  return {
    score: Math.round(score * 100) / 100,
    reasons: lacking.map(([reason]) => reason),
    rootEnded,
    missingParents,
    openSpans,
  };
}

const NOTES: readonly CompletenessReason[] = ['decided_early', 'limit_reached', 'parts_forgotten'];

/** Those of the reasons that the spans do not tell. */
export function notesOf({ reasons }: Pick<Completeness, 'reasons'>): CompletenessNote[] {
  return reasons.filter((reason): reason is CompletenessNote => NOTES.includes(reason));
}

/** What is missing in a trace, as far as its spans tell, and what else was noted when it was decided. */
export function completenessOf(spans: readonly Span[], notes: readonly CompletenessNote[] = []): Completeness {
  const ids = new Set(spans.map((span) => span.spanId));
  const missing = new Set<string>();
  let rootEnded = false;
  let openSpans = 0;
  for (const { parentSpanId, state } of spans) {
    if (parentSpanId !== undefined && !ids.has(parentSpanId)) missing.add(parentSpanId);
    if (state !== 'ended') openSpans++;
    else if (parentSpanId === undefined) rootEnded = true;
  }
  return toCompleteness({ rootEnded, missingParents: missing.size, openSpans, notes });
}
