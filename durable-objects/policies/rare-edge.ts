import * as v from 'valibot';
import type { TraceView } from '../trace-view.ts';
import { MAX_COUNTED_EDGES } from './bounds.ts';
import { condition, definePolicy, optionsOf } from './policy.ts';
import { WindowCounts } from './window-counts.ts';

/**
 * Keeps a trace in which one service calls another that it was seen to call in fewer than `fewerThan` traces of this shard,
 * kept or not, in this window of `windowMinutes` and the last. 1 keeps only what is seen for the first time. When there are
 * more edges than can be counted, those that are not counted count as frequent.
 */
export const rareEdge = definePolicy(
  optionsOf('rare_edge', {
    fewerThan: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)), 1),
    windowMinutes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_440)), 60),
  }),
  ({ fewerThan, windowMinutes }) => {
    const counts = new WindowCounts<string>(windowMinutes * 60_000, MAX_COUNTED_EDGES);
    const edges = new Set<string>();
    return {
      ...condition('rare_edge', (view, nowMs) => {
        counts.advance(nowMs);
        let last: string | null = null;
        for (let i = 0; i < view.spanCount; i++) {
          const edge = edgeTo(view, i);
          if (edge !== null && edge !== last && counts.lately(edge) < fewerThan) return true;
          last = edge;
        }
        return false;
      }),
      observe: (view, nowMs) => {
        counts.advance(nowMs);
        edges.clear();
        for (let i = 0; i < view.spanCount; i++) {
          const edge = view.isMeasured(i) ? null : edgeTo(view, i);
          if (edge !== null) edges.add(edge);
        }
        for (const edge of edges) counts.add(edge);
        edges.clear();
      },
    };
  },
);

/** The services of a span's parent and of the span, where they are two. */
function edgeTo(view: TraceView, i: number): string | null {
  const parent = view.parent(i);
  if (parent < 0 || parent >= view.spanCount) return null;
  const from = view.service(parent);
  const to = view.service(i);
  return from === to ? null : `${from}\n${to}`;
}
