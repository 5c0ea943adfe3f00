/**
 * The critical path: at each moment of a span, the span that it could not have ended earlier without. As Uber's CRISP
 * (https://www.usenix.org/conference/atc22/presentation/zhang-zhizhou) and Jaeger have it, found backwards from the end:
 * a span waits for the child that ended last, before that for the last that had ended when this one began, and so on; what
 * is between them is its own time.
 */

import type { SpanTimes } from './span-times.ts';
import type { SpanTree } from './tree.ts';

/** A stretch of the path that is a span's own. */
export interface PathSegment {
  readonly row: number;
  /** Microseconds since the epoch, on the root's clock. */
  readonly startUs: number;
  readonly endUs: number;
}

/**
 * The path of the span in row `top`, in order of time: segments that follow each other without gap or overlap and are as
 * long together as that span. Children count as long as their parents run. Where a span links to one below `top` that
 * ended before it began, while its parent ran, the path goes on there, and what was between them is the parent's. O(n log n).
 */
export function criticalPath(tree: SpanTree, times: SpanTimes, top = 0): PathSegment[] {
  if (top >= tree.spans.length) return [];
  const cut = withinParents(tree, times, top);
  const { startUs, endUs } = cut;
  const waitsFor = lastEndedFirst(tree, cut, top);
  const predecessor = linked(tree, cut, top);

  const segments: PathSegment[] = [];
  let cursor = endUs[top]!;
  const take = (row: number, fromUs: number) => {
    if (fromUs < cursor) segments.push({ row, startUs: fromUs, endUs: cursor });
    cursor = fromUs;
  };
  for (let row = top; row >= top; ) {
    const child = waitsFor.next(row, cursor);
    if (child >= 0) {
      take(row, endUs[child]!);
      row = child;
      continue;
    }
    take(row, startUs[row]!);
    if (row === top) break;
    const before = predecessor(row);
    row = tree.parent[row]!;
    if (before < 0) continue;
    take(row, endUs[before]!);
    row = before;
  }
  return segments.reverse();
}

/** The times of the rows below `top`, cut where a parent is not running. */
function withinParents({ parent, end }: SpanTree, times: SpanTimes, top: number): SpanTimes {
  const startUs = times.startUs.slice();
  const endUs = times.endUs.slice();
  for (let row = top + 1; row < end[top]!; row++) {
    const above = parent[row]!;
    startUs[row] = Math.min(Math.max(startUs[row]!, startUs[above]!), endUs[above]!);
    endUs[row] = Math.max(Math.min(endUs[row]!, endUs[above]!), startUs[row]!);
  }
  return { startUs, endUs };
}

/**
 * Gives the children of each row once, by end from the last; those that had not ended by `byUs` never again, and those that
 * take no time not at all: nobody waited for them, and two of them could wait for each other.
 */
function lastEndedFirst({ parent, end, spans }: SpanTree, { startUs, endUs }: SpanTimes, top: number) {
  const first = new Int32Array(spans.length).fill(-1);
  const following = new Int32Array(spans.length).fill(-1);
  const rows: number[] = [];
  for (let row = top + 1; row < end[top]!; row++) if (startUs[row]! < endUs[row]!) rows.push(row);
  rows.sort((a, b) => endUs[a]! - endUs[b]! || b - a);
  for (const row of rows) {
    following[row] = first[parent[row]!]!;
    first[parent[row]!] = row;
  }
  return {
    next(row: number, byUs: number): number {
      let child = first[row]!;
      while (child >= 0 && endUs[child]! > byUs) child = following[child]!;
      first[row] = child < 0 ? -1 : following[child]!;
      return child;
    },
  };
}

/** Finds the row below `top` that a row links to and that ended last before it began; -1 where there is none. */
function linked({ spans, parent, end }: SpanTree, { startUs, endUs }: SpanTimes, top: number) {
  const rowOf = new Map<string, number>();
  for (let row = top + 1; row < end[top]!; row++) {
    if (startUs[row]! < endUs[row]!) rowOf.set(spans[row]!.spanId, row);
  }
  return (row: number): number => {
    let best = -1;
    for (const { traceId, spanId } of spans[row]!.links) {
      const target = traceId === spans[row]!.traceId ? (rowOf.get(spanId) ?? -1) : -1;
      if (target < 0 || endUs[target]! > startUs[row]! || endUs[target]! < startUs[parent[row]!]!) continue;
      if (best < 0 || endUs[target]! > endUs[best]!) best = target;
    }
    return best;
  };
}
