/** A trace as TraceQL sees it. */

import type { Span } from '../span.ts';
import { buildTree, type SpanTree, serviceOf } from '../tree.ts';

export interface TraceView {
  readonly tree: SpanTree;
  /** As Tempo writes ids of traces: without leading zeros. */
  readonly traceId: string;
  readonly startUs: number;
  readonly durationUs: number;
  /** Of the root span, the earliest of several; null of a headless trace. */
  readonly root: { readonly service: string; readonly name: string } | null;
  /** Children of each row's span. */
  readonly children: Int32Array;
}

/** `spans` are of one trace, at least one. */
export function viewTrace(spans: readonly Span[]): TraceView {
  const tree = buildTree(spans);
  const children = new Int32Array(tree.spans.length);
  for (const parent of tree.parent) if (parent >= 0) children[parent]!++;
  let startUs = Number.POSITIVE_INFINITY;
  let endUs = 0;
  for (const span of tree.spans) {
    startUs = Math.min(startUs, span.startUs);
    endUs = Math.max(endUs, span.startUs + (span.durationUs ?? 0));
  }
  const top = tree.spans[0]!;
  return {
    tree,
    traceId: shortTraceId(top.traceId),
    startUs,
    durationUs: endUs - startUs,
    // Real roots come first, the earliest of them at the top.
    root: tree.headless ? null : { service: serviceOf(top), name: top.name },
    children,
  };
}

export function shortTraceId(traceId: string): string {
  return traceId.replace(/^0+/, '');
}
