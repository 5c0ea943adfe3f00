import type { SpanTimes } from './span-times.ts';
import type { SpanTree } from './tree.ts';
import { uncovered } from './uncovered.ts';

/** How long each row's span ran without any of its children running, in microseconds. */
export function selfTimes(tree: SpanTree, times: SpanTimes, stretches = uncovered(tree, times)): Float64Array {
  const selfUs = new Float64Array(tree.spans.length);
  for (const { row, startUs, endUs } of stretches) selfUs[row] = selfUs[row]! + (endUs - startUs);
  return selfUs;
}
