/** What the edge tells of a trace, by node of the tree that is shown: where spans stand on one clock, what was waited for. */

import type { TimelineAnswer, TimelineClock, TimelineRow } from '../../model/timeline.ts';
import type { SpanTree } from '../../model/tree.ts';
import { spanRange, traceBounds } from './bars.ts';
import { rowKey } from './rows.ts';
import type { TimeRange } from './viewport.ts';

export interface Insight {
  /** null where the edge told nothing: then spans stand where they were recorded. */
  readonly timeline: TimelineAnswer | null;
  /** Microseconds since the epoch, on the root's clock. */
  readonly startUs: number;
  readonly totalUs: number;
  /** When each node's span ran, since the trace's start. */
  readonly ranges: readonly TimeRange[];
  /** The timeline's row of each node; undefined of spans that came since it was made. */
  readonly rows: readonly (TimelineRow | undefined)[];
  /** Nodes of the timeline's rows; -1 where the tree has none. */
  readonly nodes: Int32Array;
  /** Stretches of the critical path, and those without a running child, by node. */
  readonly critical: ReadonlyMap<number, readonly TimeRange[]>;
  readonly gaps: ReadonlyMap<number, readonly TimeRange[]>;
  /** What no server covers of a client's time, by the client's node. */
  readonly networkUs: ReadonlyMap<number, number>;
}

export function readTimeline(tree: SpanTree, timeline: TimelineAnswer | null): Insight {
  const { spans } = tree;
  const bounds = timeline === null ? traceBounds(spans) : boundsOf(timeline);
  const nodeOfKey = new Map(spans.map((span, node) => [rowKey(span), node]));
  const nodes = Int32Array.from(timeline?.rows ?? [], (row) => nodeOfKey.get(keyOf(timeline!, row)) ?? -1);
  const rows: (TimelineRow | undefined)[] = new Array(spans.length).fill(undefined);
  for (const [row, node] of nodes.entries()) if (node >= 0) rows[node] = timeline!.rows[row];
  const ranges = spans.map((span, node) => {
    const row = rows[node];
    if (row === undefined) return spanRange(span, bounds);
    const endUs = row.durationUs === undefined ? bounds.endUs - bounds.startUs : row.offsetUs + row.durationUs;
    return { startUs: row.offsetUs, endUs };
  });
  return {
    timeline,
    startUs: bounds.startUs,
    totalUs: ranges.reduce((end, range) => Math.max(end, range.endUs), bounds.endUs - bounds.startUs),
    ranges,
    rows,
    nodes,
    critical: byNode(timeline?.criticalPath ?? [], nodes),
    gaps: byNode(timeline?.gaps ?? [], nodes),
    networkUs: new Map(
      (timeline?.hops ?? []).flatMap((hop) =>
        hop.networkUs === undefined ? [] : [[nodes[hop.client]!, hop.networkUs]],
      ),
    ),
  };
}

/** The clock a node's times were moved by; null where they stand as they were recorded. */
export function movedClock({ timeline, rows }: Insight, node: number): TimelineClock | null {
  const clock = rows[node]?.clock;
  const of = clock === undefined ? undefined : timeline!.clocks[clock];
  return of === undefined || of.offsetUs === 0 ? null : of;
}

export interface CriticalPart {
  readonly service: string;
  readonly name: string;
  /** Spans of the operation on the path, and how long of it is their own. */
  readonly spans: number;
  readonly us: number;
  /** The node of the longest of them. */
  readonly node: number;
}

/** What the trace waited for by operation, the longest first. */
export function criticalParts({ timeline, nodes }: Insight): CriticalPart[] {
  const parts = new Map<number, CriticalPart & { longestUs: number }>();
  for (const [row, { operation, criticalUs }] of (timeline?.rows ?? []).entries()) {
    if (criticalUs === undefined || nodes[row]! < 0) continue;
    const { service, name } = timeline!.operations[operation]!;
    const part = parts.get(operation) ?? { service, name, spans: 0, us: 0, node: nodes[row]!, longestUs: 0 };
    const isLongest = criticalUs > part.longestUs;
    parts.set(operation, {
      ...part,
      spans: part.spans + 1,
      us: part.us + criticalUs,
      ...(isLongest && { node: nodes[row]!, longestUs: criticalUs }),
    });
  }
  return [...parts.values()].sort((a, b) => b.us - a.us);
}

/** Stretches closer than this share of the width are drawn as one. */
const STRETCH_DISTANCE = 0.002;

/** Stretches inside the viewport as shares of it, neighbours merged, so that their number is bounded. */
export function layoutStretches(
  stretches: readonly TimeRange[],
  viewport: TimeRange,
): { left: number; right: number }[] {
  const length = viewport.endUs - viewport.startUs;
  const drawn: { left: number; right: number }[] = [];
  for (const { startUs, endUs } of stretches) {
    if (endUs < viewport.startUs || startUs > viewport.endUs) continue;
    const left = Math.max(0, (startUs - viewport.startUs) / length);
    const right = Math.min(1, (endUs - viewport.startUs) / length);
    const last = drawn.at(-1);
    if (last !== undefined && left - last.right < STRETCH_DISTANCE) last.right = Math.max(last.right, right);
    else drawn.push({ left, right });
  }
  return drawn;
}

function boundsOf({ startUs, durationUs }: TimelineAnswer): TimeRange {
  return { startUs, endUs: startUs + durationUs };
}

/** As `rowKey` makes it. */
function keyOf({ operations }: TimelineAnswer, { spanId, operation }: TimelineRow): string {
  return operations[operation]!.kind === 'server' ? `${spanId}s` : spanId;
}

/** In order of time. */
function byNode(
  stretches: readonly { readonly row: number; readonly offsetUs: number; readonly durationUs: number }[],
  nodes: Int32Array,
): Map<number, TimeRange[]> {
  const of = new Map<number, TimeRange[]>();
  for (const { row, offsetUs, durationUs } of stretches.toSorted((a, b) => a.offsetUs - b.offsetUs)) {
    const node = nodes[row]!;
    const list = of.get(node);
    const range = { startUs: offsetUs, endUs: offsetUs + durationUs };
    if (list === undefined) of.set(node, [range]);
    else list.push(range);
  }
  return of;
}
