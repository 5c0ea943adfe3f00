import type { SpanTree } from './tree.ts';

/**
 * Rows from the deepest span with an error up to the top of its tree: where a failure came from, and whom it reached. Of
 * equally deep ones it is the first by its own clock. Empty when no span has an error. O(n).
 */
export function errorChain({ spans, parent, depth }: SpanTree): number[] {
  let origin = -1;
  for (let row = 0; row < spans.length; row++) {
    if (spans[row]!.status.code !== 'error') continue;
    const deeper = origin < 0 ? 1 : depth[row]! - depth[origin]!;
    if (deeper > 0 || (deeper === 0 && spans[row]!.startUs < spans[origin]!.startUs)) origin = row;
  }
  const chain: number[] = [];
  for (let row = origin; row >= 0; row = parent[row]!) chain.push(row);
  return chain;
}
