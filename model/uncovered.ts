/** What is left of spans when their children are taken away: the time in which they did something themselves, or nobody knows what. */

import type { SpanTimes } from './span-times.ts';
import type { SpanTree } from './tree.ts';

export interface Uncovered {
  readonly row: number;
  /** Microseconds since the epoch, on the root's clock. */
  readonly startUs: number;
  readonly endUs: number;
}

/**
 * The stretches of each span that none of its children covers, those of one span in order of time. A child that outlives its
 * parent covers what it shares with it. O(n log n).
 */
export function uncovered({ spans, parent }: SpanTree, { startUs, endUs }: SpanTimes): Uncovered[] {
  const stretches: Uncovered[] = [];
  const coveredUs = startUs.slice();
  const take = (row: number, untilUs: number) => {
    if (coveredUs[row]! < untilUs) stretches.push({ row, startUs: coveredUs[row]!, endUs: untilUs });
  };
  const byStart = [...spans.keys()].sort((a, b) => startUs[a]! - startUs[b]! || a - b);
  for (const child of byStart) {
    const row = parent[child]!;
    if (row < 0) continue;
    take(row, Math.min(startUs[child]!, endUs[row]!));
    coveredUs[row] = Math.max(coveredUs[row]!, endUs[child]!);
  }
  for (let row = 0; row < spans.length; row++) take(row, endUs[row]!);
  return stretches;
}
