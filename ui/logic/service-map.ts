/** The picture of a service graph: where services and calls stand, how thick and of which colour. */

import dagre from '@dagrejs/dagre';

/** What is needed of an edge of the API's graph. */
export interface MapCall {
  readonly parent: string;
  readonly child: string;
  readonly calls: number;
  readonly errors: number;
  readonly confidence: 'high' | 'medium' | 'low';
}

/** `appeared`: not there in the window before. `vanished`: only there. */
export type Change = 'none' | 'appeared' | 'vanished';

export interface MapEdge<Call> {
  readonly call: Call;
  readonly change: Change;
  /** An SVG path from the caller to the called one. */
  readonly path: string;
  /** Where its label stands. */
  readonly x: number;
  readonly y: number;
  /** Pixels: with the logarithm of the calls. */
  readonly width: number;
  /** 0 to 1, of calls. */
  readonly errorShare: number;
}

export interface MapNode {
  readonly service: string;
  /** The middle. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface ServiceMap<Call> {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge<Call>[];
}

export const NODE_WIDTH = 168;
export const NODE_HEIGHT = 52;
const LABEL = { width: 128, height: 18, labelpos: 'c' } as const;
const MARGIN = 16;
const LEAST_WIDTH = 1.25;
const MORE_WIDTH = 5;

/** Services without a call stand beside the others. `isWide`: callers left of what they call, else above. */
export function layoutServiceMap<Call extends MapCall>(
  services: readonly string[],
  calls: readonly Call[],
  changes: { readonly appeared: readonly MapCall[]; readonly vanished: readonly Call[] },
  isWide: boolean,
): ServiceMap<Call> {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: isWide ? 'LR' : 'TB',
    nodesep: isWide ? 22 : 28,
    ranksep: isWide ? 60 : 36,
    marginx: MARGIN,
    marginy: MARGIN,
  });
  const all = [...calls, ...changes.vanished];
  const names = [...new Set([...services, ...all.flatMap(({ parent, child }) => [parent, child])])].sort();
  // Dagre keeps nodes in plain objects, so that it cannot take any name: `__proto__` is one.
  const ids = new Map(names.map((name, index) => [name, `n${index}`]));
  for (const id of ids.values()) graph.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  // A service that calls itself is not an edge between services; the table has it.
  const drawn = all.filter(({ parent, child }) => parent !== child);
  for (const { parent, child } of drawn) graph.setEdge(ids.get(parent)!, ids.get(child)!, { ...LABEL });
  dagre.layout(graph);

  const isNew = new Set(changes.appeared.map(edgeKey));
  const isGone = new Set<MapCall>(changes.vanished);
  const most = Math.log1p(drawn.reduce((greatest, call) => Math.max(greatest, call.calls), 1));
  const size = graph.graph();
  return {
    width: size.width ?? 0,
    height: size.height ?? 0,
    nodes: names.map((service) => ({ service, ...placeOf(graph.node(ids.get(service)!)) })),
    edges: drawn.map((call) => {
      const edge = graph.edge(ids.get(call.parent)!, ids.get(call.child)!);
      return {
        call,
        change: isGone.has(call) ? 'vanished' : isNew.has(edgeKey(call)) ? 'appeared' : 'none',
        path: pathThrough(edge.points ?? []),
        x: edge.x ?? 0,
        y: edge.y ?? 0,
        width: LEAST_WIDTH + (MORE_WIDTH * Math.log1p(call.calls)) / most,
        errorShare: call.calls === 0 ? 0 : Math.min(1, call.errors / call.calls),
      };
    }),
  };
}

export function edgeKey({ parent, child }: Pick<MapCall, 'parent' | 'child'>): string {
  return JSON.stringify([parent, child]);
}

function placeOf({ x, y }: { x?: number; y?: number }) {
  return { x: x ?? 0, y: y ?? 0, width: NODE_WIDTH, height: NODE_HEIGHT };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A smooth curve through all points: Catmull and Rom's, as SVG's cubic curves. */
export function pathThrough(points: readonly Point[]): string {
  const at = (x: number, y: number) => `${round(x)} ${round(y)}`;
  return points
    .map((to, index) => {
      if (index === 0) return `M${at(to.x, to.y)}`;
      const from = points[index - 1]!;
      const before = points[index - 2] ?? from;
      const after = points[index + 1] ?? to;
      const leaving = at(from.x + (to.x - before.x) / 6, from.y + (to.y - before.y) / 6);
      const arriving = at(to.x - (after.x - from.x) / 6, to.y - (after.y - from.y) / 6);
      return `C${leaving} ${arriving} ${at(to.x, to.y)}`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
