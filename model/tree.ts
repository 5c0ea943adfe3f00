/**
 * The tree of a trace's spans, built from whatever arrived: parents may be missing, spans may come twice, and
 * broken senders make cycles. Nothing recurses, so depth is no limit.
 *
 * A tree is a table in display order (parents before children, siblings by start), so that the subtree of node `i`
 * is the rows `i` to `end[i]`, and folding a node means jumping to `end[i]`.
 */

import type { Span } from './span.ts';

/** Why a node stands at the top although its span names a parent; `none` for real roots and for all others. */
export type NodeMark = 'none' | 'missing_parent' | 'cycle';

export interface SpanTree {
  /** Every span once, in display order. */
  readonly spans: readonly Span[];
  /** Row of the parent; -1 at the top. */
  readonly parent: Int32Array;
  /** 0 at the top. */
  readonly depth: Int32Array;
  /** One past the last row of the subtree. */
  readonly end: Int32Array;
  readonly mark: readonly NodeMark[];
  /** 1 where a row's span was not received but stands in for a missing one (`complete-tree.ts`); absent: nowhere. */
  readonly synthetic?: Uint8Array;
  /** Spans that were left out because a better version of them is in the tree. */
  readonly duplicates: number;
  /** No root span was received: no span is without a parent. False when there are no spans. */
  readonly headless: boolean;
}

const STATE_RANK = { open: 0, abandoned: 1, ended: 2 } as const;

/**
 * Builds the tree in O(n log n). Of two versions of a span the ended one wins, then the one with more content, then
 * the first. A server span with the id of another span is the server half of a shared (Zipkin) span and becomes its
 * child. Real roots come before spans whose parent is missing; a cycle is cut above its earliest span.
 */
export function buildTree(received: readonly Span[]): SpanTree {
  const halves = new Map<string, { other: number; server: number }>();
  const spans: Span[] = [];
  for (const span of received) {
    let half = halves.get(span.spanId);
    if (half === undefined) {
      half = { other: -1, server: -1 };
      halves.set(span.spanId, half);
    }
    const side = span.kind === 'server' ? 'server' : 'other';
    const known = half[side];
    if (known < 0) half[side] = spans.push(span) - 1;
    else if (isBetter(span, spans[known]!)) spans[known] = span;
  }

  const marks: NodeMark[] = new Array(spans.length).fill('none');
  const parents = new Int32Array(spans.length).fill(-1);
  for (let i = 0; i < spans.length; i++) {
    const span = spans[i]!;
    const own = halves.get(span.spanId)!;
    if (own.server === i && own.other >= 0) {
      parents[i] = own.other;
    } else if (span.parentSpanId !== undefined) {
      const half = halves.get(span.parentSpanId);
      if (half === undefined) marks[i] = 'missing_parent';
      else parents[i] = chooseHalf(spans, half, span);
    }
  }
  cutCycles(spans, parents, marks);
  return {
    ...inDisplayOrder(spans, parents, marks),
    duplicates: received.length - spans.length,
    headless: spans.length > 0 && spans.every((span) => span.parentSpanId !== undefined),
  };
}

/** The service a span belongs to, by its resource; OpenTelemetry's `unknown_service` when that does not say. */
export function serviceOf(span: Pick<Span, 'resource'>): string {
  const name = span.resource.attributes['service.name'];
  return typeof name === 'string' && name !== '' ? name : 'unknown_service';
}

function isBetter(span: Span, than: Span): boolean {
  const rank = STATE_RANK[span.state] - STATE_RANK[than.state];
  return rank !== 0 ? rank > 0 : contentOf(span) > contentOf(than);
}

function contentOf(span: Span): number {
  return Object.keys(span.attributes).length + span.events.length + span.links.length;
}

/** Of a shared span the half in the child's own service is its parent, else the server's, which made most children. */
function chooseHalf(spans: readonly Span[], half: { other: number; server: number }, child: Span): number {
  if (half.server < 0) return half.other;
  if (half.other < 0) return half.server;
  const service = serviceOf(child);
  return serviceOf(spans[half.other]!) === service && serviceOf(spans[half.server]!) !== service
    ? half.other
    : half.server;
}

/** Follows each chain of parents once; a chain that meets itself is cut above its earliest span. */
function cutCycles(spans: readonly Span[], parents: Int32Array, marks: NodeMark[]): void {
  const chainOf = new Int32Array(spans.length).fill(-1);
  for (let first = 0; first < spans.length; first++) {
    let i = first;
    while (i >= 0 && chainOf[i]! < 0) {
      chainOf[i] = first;
      i = parents[i]!;
    }
    if (i < 0 || chainOf[i] !== first) continue;
    let earliest = i;
    for (let j = parents[i]!; j !== i; j = parents[j]!) {
      const before = spans[j]!.startUs - spans[earliest]!.startUs;
      if (before < 0 || (before === 0 && j < earliest)) earliest = j;
    }
    parents[earliest] = -1;
    marks[earliest] = 'cycle';
  }
}

type Rows = Pick<SpanTree, 'spans' | 'parent' | 'depth' | 'end' | 'mark'>;

function inDisplayOrder(spans: readonly Span[], parents: Int32Array, marks: readonly NodeMark[]): Rows {
  const count = spans.length;
  // Lists of children, linked back to front, so that each comes out in order of start. Row `count` is above all.
  const firstChild = new Int32Array(count + 1).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  const order = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) =>
      Number(marks[a] !== 'none') - Number(marks[b] !== 'none') || spans[a]!.startUs - spans[b]!.startUs || a - b,
  );
  for (let at = count - 1; at >= 0; at--) {
    const i = order[at]!;
    const parent = parents[i]! < 0 ? count : parents[i]!;
    nextSibling[i] = firstChild[parent]!;
    firstChild[parent] = i;
  }

  const rows = {
    spans: new Array<Span>(count),
    parent: new Int32Array(count),
    depth: new Int32Array(count),
    end: new Int32Array(count),
    mark: new Array<NodeMark>(count),
  };
  const rowOf = new Int32Array(count);
  let depth = 0;
  let row = 0;
  for (let i = firstChild[count]!; i >= 0; ) {
    rowOf[i] = row;
    rows.spans[row] = spans[i]!;
    rows.parent[row] = parents[i]! < 0 ? -1 : rowOf[parents[i]!]!;
    rows.depth[row] = depth;
    rows.mark[row] = marks[i]!;
    row++;
    if (firstChild[i]! >= 0) {
      i = firstChild[i]!;
      depth++;
      continue;
    }
    rows.end[rowOf[i]!] = row;
    while (nextSibling[i]! < 0 && parents[i]! >= 0) {
      i = parents[i]!;
      rows.end[rowOf[i]!] = row;
      depth--;
    }
    i = nextSibling[i]!;
  }
  return rows;
}
