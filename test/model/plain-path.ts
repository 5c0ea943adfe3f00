import type { PathSegment } from '../../model/critical-path.ts';
import type { SpanTimes } from '../../model/span-times.ts';
import type { SpanTree } from '../../model/tree.ts';

/** The definition of the critical path, without links: the last child to end by `untilUs`, what is before it, and its own path. */
export function plainPath(tree: Pick<SpanTree, 'parent'>, times: SpanTimes, top: number): PathSegment[] {
  const path = (row: number, fromUs: number, untilUs: number): PathSegment[] => {
    const children = [...tree.parent.keys()]
      .filter((child) => tree.parent[child] === row)
      .map((child) => ({
        child,
        start: Math.max(times.startUs[child]!, fromUs),
        end: Math.min(times.endUs[child]!, cutEnd.get(row)!),
      }))
      .filter(({ start, end }) => start < end);
    for (const { child, end } of children) cutEnd.set(child, end);
    const until = (us: number): PathSegment[] => {
      const last = children.filter(({ end }) => end <= us).sort((a, b) => b.end - a.end || a.child - b.child)[0];
      const ownFrom = last?.end ?? fromUs;
      const own = ownFrom < us ? [{ row, startUs: ownFrom, endUs: us }] : [];
      return last === undefined ? own : [...until(last.start), ...path(last.child, last.start, last.end), ...own];
    };
    return until(untilUs);
  };
  const cutEnd = new Map([[top, times.endUs[top]!]]);
  return path(top, times.startUs[top]!, times.endUs[top]!);
}
