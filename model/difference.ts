/** How two traces differ, span by span: matched by where they stand in their trees (`compare.ts`). */

import { compareTraces } from './compare.ts';
import { type CompleteTree, completeTree } from './complete-tree.ts';
import { selfTimes } from './self-time.ts';
import { estimateSkew } from './skew.ts';
import type { Attributes, Span, SpanKind, StatusCode, TraceState } from './span.ts';
import { spanTimes } from './span-times.ts';
import { serviceOf } from './tree.ts';

export interface ComparedTrace {
  /** The first start and the last end that are known, on the root's clock; both 0 when there are no spans. */
  readonly startUs: number;
  readonly durationUs: number;
  /** Without synthetic ones. */
  readonly spanCount: number;
  readonly errorCount: number;
}

/** One of two spans that stand for the same. */
export interface ComparedSpan {
  readonly spanId: string;
  /** Absent where the span has no end. */
  readonly durationUs?: number;
  /** How long it ran without a child of its own running. */
  readonly selfUs: number;
  readonly status: StatusCode;
  /** It was not received: others name it as their parent. */
  readonly synthetic?: true;
}

interface Place {
  readonly service: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly depth: number;
}

export interface MatchedPair extends Place {
  readonly a: ComparedSpan;
  readonly b: ComparedSpan;
  /** How much longer it took in `b`; negative when shorter, absent where one of them has no end. */
  readonly longerUs?: number;
  /** The same of the time that was its own. */
  readonly selfLongerUs: number;
  /** Absent where the statuses are the same. */
  readonly statusChanged?: true;
  /** Attributes by key: only in one, or with another value; absent where all are the same. */
  readonly attributes?: { readonly onlyInA: number; readonly onlyInB: number; readonly changed: number };
}

/** A span that has no counterpart. */
export type LoneSpan = Place & ComparedSpan;

export interface Difference {
  readonly a: ComparedTrace;
  readonly b: ComparedTrace;
  /** In display order of `a`, and so are spans only in one in that of theirs. */
  readonly matched: readonly MatchedPair[];
  readonly onlyInA: readonly LoneSpan[];
  readonly onlyInB: readonly LoneSpan[];
}

/** Why a trace was taken for the typical one. */
export interface Typical {
  /** Of the root span. */
  readonly service: string;
  readonly operation: string;
  readonly medianUs: number;
  /** What the median is of: the root operation's spans around the trace, or, where none were counted, the candidates. */
  readonly medianOf: 'statistics' | 'candidates';
  /** Kept traces of the operation that were looked at: at most 100 of about the median's duration, from an hour around the trace. */
  readonly candidates: number;
}

export type NamedTrace = { readonly traceId: string; readonly state: TraceState } & ComparedTrace;

/** The answer of `GET /api/compare`; `typical` where `b` was looked for. */
export type CompareAnswer = { readonly a: NamedTrace; readonly b: NamedTrace; readonly typical?: Typical } & Omit<
  Difference,
  'a' | 'b'
>;

/** O(n log n), nothing recurses. */
export function differenceOf(spansOfA: readonly Span[], spansOfB: readonly Span[]): Difference {
  const a = new Side(spansOfA);
  const b = new Side(spansOfB);
  const { matched, onlyInA, onlyInB } = compareTraces(a.tree, b.tree);
  return {
    a: a.trace(),
    b: b.trace(),
    matched: matched.map((pair) => {
      const [spanA, spanB] = [a.tree.spans[pair.a]!, b.tree.spans[pair.b]!];
      const attributes = compareAttributes(spanA.attributes, spanB.attributes);
      return {
        ...a.place(pair.a),
        a: a.span(pair.a),
        b: b.span(pair.b),
        ...(pair.longerUs === undefined ? {} : { longerUs: pair.longerUs }),
        selfLongerUs: b.selfUs[pair.b]! - a.selfUs[pair.a]!,
        ...(spanA.status.code === spanB.status.code ? {} : { statusChanged: true as const }),
        ...(attributes === null ? {} : { attributes }),
      };
    }),
    onlyInA: onlyInA.map((row) => ({ ...a.place(row), ...a.span(row) })),
    onlyInB: onlyInB.map((row) => ({ ...b.place(row), ...b.span(row) })),
  };
}

class Side {
  readonly tree: CompleteTree;
  readonly selfUs: Float64Array;
  readonly #startUs: number;
  readonly #endUs: number;

  constructor(spans: readonly Span[]) {
    this.tree = completeTree(spans);
    const times = spanTimes(this.tree, estimateSkew(this.tree));
    this.selfUs = selfTimes(this.tree, times);
    this.#startUs = times.startUs.reduce((least, us) => Math.min(least, us), times.startUs[0] ?? 0);
    this.#endUs = times.endUs.reduce((most, us) => Math.max(most, us), times.endUs[0] ?? 0);
  }

  trace(): ComparedTrace {
    const received = this.tree.spans.filter((_, row) => this.tree.synthetic[row] === 0);
    return {
      startUs: this.#startUs,
      durationUs: this.#endUs - this.#startUs,
      spanCount: received.length,
      errorCount: received.filter(({ status }) => status.code === 'error').length,
    };
  }

  place(row: number): Place {
    const span = this.tree.spans[row]!;
    return { service: serviceOf(span), name: span.name, kind: span.kind, depth: this.tree.depth[row]! };
  }

  span(row: number): ComparedSpan {
    const { spanId, durationUs, status } = this.tree.spans[row]!;
    return {
      spanId,
      ...(durationUs === undefined ? {} : { durationUs }),
      selfUs: this.selfUs[row]!,
      status: status.code,
      ...(this.tree.synthetic[row] === 1 ? { synthetic: true as const } : {}),
    };
  }
}

function compareAttributes(a: Attributes, b: Attributes): NonNullable<MatchedPair['attributes']> | null {
  let shared = 0;
  let changed = 0;
  for (const [key, value] of Object.entries(a)) {
    if (!Object.hasOwn(b, key)) continue;
    shared++;
    if (value !== b[key] && JSON.stringify(value) !== JSON.stringify(b[key])) changed++;
  }
  const onlyInA = Object.keys(a).length - shared;
  const onlyInB = Object.keys(b).length - shared;
  return onlyInA + onlyInB + changed === 0 ? null : { onlyInA, onlyInB, changed };
}
