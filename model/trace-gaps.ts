import type { SpanTimes } from './span-times.ts';
import type { SpanTree } from './tree.ts';
import { type Uncovered, uncovered } from './uncovered.ts';

/** Stretches of at least `leastUs` in which a span that has children had none running, the longest first: what lacks a span there? */
export function traceGaps(
  tree: SpanTree,
  times: SpanTimes,
  leastUs: number,
  stretches = uncovered(tree, times),
): Uncovered[] {
  return stretches
    .filter(({ row, startUs, endUs }) => tree.end[row]! > row + 1 && endUs - startUs >= leastUs)
    .sort((a, b) => b.endUs - b.startUs - (a.endUs - a.startUs) || a.startUs - b.startUs || a.row - b.row);
}
