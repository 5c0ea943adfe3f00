/** Which nodes of a span tree have a visible row, and which of those are on the screen. */

import type { Span } from '../../model/span.ts';
import type { SpanTree } from '../../model/tree.ts';

/** Names a span's row across reloads of a live trace. The two halves of a shared span have one id, but two rows. */
export function rowKey(span: Span): string {
  return span.kind === 'server' ? `${span.spanId}s` : span.spanId;
}

/** The tree's nodes that no folded ancestor hides, in display order. */
export function visibleRows(tree: SpanTree, folded: ReadonlySet<string>): Int32Array {
  const rows = new Int32Array(tree.spans.length);
  let count = 0;
  for (let node = 0; node < tree.spans.length; ) {
    rows[count++] = node;
    node = folded.size > 0 && folded.has(rowKey(tree.spans[node]!)) ? tree.end[node]! : node + 1;
  }
  return rows.subarray(0, count);
}

/** Where `node` is in the ascending `rows`; -1 when it is hidden. */
export function rowOfNode(rows: Int32Array, node: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (rows[middle]! < node) low = middle + 1;
    else if (rows[middle]! > node) high = middle - 1;
    else return middle;
  }
  return -1;
}

/** The folded keys without those that hide `node`. */
export function reveal(tree: SpanTree, folded: ReadonlySet<string>, node: number): ReadonlySet<string> {
  const open = new Set(folded);
  for (let parent = tree.parent[node]!; parent >= 0; parent = tree.parent[parent]!)
    open.delete(rowKey(tree.spans[parent]!));
  return open;
}

/** Every node that has children, folded, except the first top node: what "collapse all" leaves visible. */
export function foldAll(tree: SpanTree): ReadonlySet<string> {
  const folded = new Set<string>();
  for (let node = 0; node < tree.spans.length; node++) {
    if (node > 0 && tree.end[node]! > node + 1) folded.add(rowKey(tree.spans[node]!));
  }
  return folded;
}

/** `sums[end] - sums[start]` is the number of spans with errors among the nodes `start` to `end - 1`. */
export function errorSums(tree: SpanTree): Int32Array {
  const sums = new Int32Array(tree.spans.length + 1);
  for (let i = 0; i < tree.spans.length; i++) {
    sums[i + 1] = sums[i]! + (tree.spans[i]!.status.code === 'error' ? 1 : 0);
  }
  return sums;
}

/** The height of a row; the style sheet has it from here. */
export const ROW_PX = 26;

/** Rows drawn beyond each edge of the screen, so that a scroll finds them there. */
const OVERSCAN_ROWS = 12;

/** The rows to draw, `first` to `last - 1`. In steps, so that most scroll events change nothing. */
export function rowWindow(
  scrollTop: number,
  height: number,
  rowHeight: number,
  count: number,
): { first: number; last: number } {
  const step = OVERSCAN_ROWS / 2;
  const first = Math.floor(scrollTop / rowHeight / step) * step - OVERSCAN_ROWS;
  const onScreen = Math.ceil(height / rowHeight / step) * step;
  return {
    first: Math.min(Math.max(0, first), count),
    last: Math.min(Math.max(0, first + onScreen + step + 2 * OVERSCAN_ROWS), count),
  };
}

/** The scroll position nearest to `scrollTop` at which the row is wholly on the screen. */
export function scrollToRow(row: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - height);
}
