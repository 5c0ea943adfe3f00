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
export function concurrency(tree: SpanTree, times: SpanTimes): ConcurrencyStep[] {
  const changes = uncovered(tree, times).flatMap(({ startUs, endUs }) => [
    { atUs: startUs, by: 1 },
    { atUs: endUs, by: -1 },
  ]);
  changes.sort((a, b) => a.atUs - b.atUs);

  const steps: ConcurrencyStep[] = [];
  let spans = 0;
  for (let i = 0; i < changes.length; i++) {
    spans += changes[i]!.by;
    const { atUs } = changes[i]!;
    if (changes[i + 1]?.atUs !== atUs && steps.at(-1)?.spans !== spans) steps.push({ atUs, spans });
  }
  return steps;
}
