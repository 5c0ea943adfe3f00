import type { SpanTimes } from './span-times.ts';
import type { SpanTree } from './tree.ts';
import { uncovered } from './uncovered.ts';

/** From this moment until the next step's. */
export interface ConcurrencyStep {
  /** Microseconds since the epoch, on the root's clock. */
  readonly atUs: number;
  /** Spans that run without a child of theirs running: those that wait for their children are not counted twice. */
  readonly spans: number;
}

/** How many spans of a trace did something at the same time, as steps that differ from each other; the last has none. O(n log n). */
export function concurrency(tree: SpanTree, times: SpanTimes, stretches = uncovered(tree, times)): ConcurrencyStep[] {
  const starts = new Float64Array(stretches.length);
  const ends = new Float64Array(stretches.length);
  for (const [i, { startUs, endUs }] of stretches.entries()) {
    starts[i] = startUs;
    ends[i] = endUs;
  }
  starts.sort();
  ends.sort();
  const steps: ConcurrencyStep[] = [];
  let spans = 0;
  let begun = 0;
  for (let ended = 0; ended < ends.length; ) {
    const atUs = Math.min(starts[begun] ?? Number.POSITIVE_INFINITY, ends[ended]!);
    const before = spans;
    for (; starts[begun] === atUs; begun++) spans++;
    for (; ends[ended] === atUs; ended++) spans--;
    if (spans !== before) steps.push({ atUs, spans });
  }
  return steps;
}
