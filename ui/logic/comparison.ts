/** How two traces differ, as rows that can be sorted and filtered. */

import type { CompareAnswer, ComparedSpan, LoneSpan, MatchedPair } from '../../model/difference.ts';

/** `slower` and `faster` where the difference matters, for the span and for the trace. */
export const DIFFERENCES = ['slower', 'faster', 'onlyInA', 'onlyInB', 'same'] as const;
export type DifferenceKind = (typeof DIFFERENCES)[number];

export interface ComparedRow {
  readonly key: string;
  readonly kind: DifferenceKind;
  readonly service: string;
  readonly name: string;
  readonly depth: number;
  readonly a: ComparedSpan | null;
  readonly b: ComparedSpan | null;
  /** How much longer in b; of a span in one of them alone all of it, negative in a. null where an end is missing. */
  readonly longerUs: number | null;
  readonly statusChanged: boolean;
  readonly attributes: MatchedPair['attributes'];
}

/** Of the longer one of each. */
const LEAST_SHARE_OF_SPAN = 0.1;
const LEAST_SHARE_OF_TRACE = 0.01;

/** The greatest differences first. */
export function compareRows(answer: CompareAnswer): ComparedRow[] {
  const traceUs = Math.max(answer.a.durationUs, answer.b.durationUs);
  const rows = [
    ...answer.matched.map((pair) => ofPair(pair, traceUs)),
    ...answer.onlyInA.map((span) => ofLone(span, 'onlyInA')),
    ...answer.onlyInB.map((span) => ofLone(span, 'onlyInB')),
  ];
  return rows.sort((a, b) => Math.abs(b.longerUs ?? 0) - Math.abs(a.longerUs ?? 0));
}

export function countKinds(rows: readonly ComparedRow[]): Record<DifferenceKind, number> {
  const counts = { slower: 0, faster: 0, onlyInA: 0, onlyInB: 0, same: 0 };
  for (const { kind } of rows) counts[kind]++;
  return counts;
}

function ofPair(pair: MatchedPair, traceUs: number): ComparedRow {
  const { service, name, depth, a, b, longerUs, attributes } = pair;
  const longest = Math.max(a.durationUs ?? 0, b.durationUs ?? 0);
  const size = Math.abs(longerUs ?? 0);
  // Both: a tenth of a short span is nothing to the trace, and a hundredth of the trace may be the noise of a long span.
  const matters = size >= LEAST_SHARE_OF_SPAN * longest && size >= LEAST_SHARE_OF_TRACE * traceUs && size > 0;
  return {
    key: `${a.spanId} ${b.spanId}`,
    kind: !matters ? 'same' : longerUs! > 0 ? 'slower' : 'faster',
    service,
    name,
    depth,
    a,
    b,
    longerUs: longerUs ?? null,
    statusChanged: pair.statusChanged === true,
    attributes,
  };
}

function ofLone(span: LoneSpan, kind: 'onlyInA' | 'onlyInB'): ComparedRow {
  const { service, name, depth, durationUs } = span;
  const isInA = kind === 'onlyInA';
  return {
    key: `${kind} ${span.spanId} ${span.kind}`,
    kind,
    service,
    name,
    depth,
    a: isInA ? span : null,
    b: isInA ? null : span,
    longerUs: durationUs === undefined ? null : isInA ? -durationUs : durationUs,
    statusChanged: false,
    attributes: undefined,
  };
}
