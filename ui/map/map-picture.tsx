import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { formatRate, formatShare } from '../logic/amounts.ts';
import { formatDuration } from '../logic/duration.ts';
import type { PageRange } from '../logic/page-range.ts';
import type { Change, layoutServiceMap, MapEdge, MapNode, ServiceMap } from '../logic/service-map.ts';
import { formatServicePath } from '../logic/service-query.ts';
import { useSize } from '../parts/use-size.ts';
import { serviceColour } from '../shell/catalog.ts';
import type { Dependency, GraphChanges, ServiceGraph, ServiceNode } from '../shell/statistics-api.ts';

/** Below this the picture is laid out from top to bottom. */
const WIDE_PX = 700;
/** It is made smaller to fit, but not beyond reading; then it scrolls. */
const LEAST_SCALE = 0.75;
/** With more edges than this there is no room for what they are labelled. */
const MAX_LABELS = 40;
/** How wide a line can be caught by the pointer. */
const CATCH_PX = 14;

interface Props {
  graph: ServiceGraph;
  changes: GraphChanges;
  /** The chosen one, empty for none. */
  service: string;
  range: PageRange;
  /** The edge that is shown in detail. */
  chosen: Signal<Dependency | null>;
}

/** The graph, laid out by code that is loaded when it is first drawn. Services are links; the table below has the calls. */
export function MapPicture({ graph, changes, service, range, chosen }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const layout = useSignal<typeof layoutServiceMap | null>(null);
  useEffect(() => {
    void import('../logic/service-map.ts').then((loaded) => {
      layout.value = loaded.layoutServiceMap;
    });
  }, []);
  const { width } = size.value;
  const isWide = width >= WIDE_PX;
  const layoutOf = layout.value;
  const map = useMemo(() => {
    if (layoutOf === null || width === 0) return null;
    const names = graph.services.map((node) => node.service);
    return layoutOf(names, graph.dependencies, changes, isWide);
  }, [layoutOf, graph, changes, isWide, width === 0]);
  const scale = map === null ? 1 : Math.min(1, Math.max(LEAST_SCALE, width / map.width));
  return (
    <div class="map-box" ref={box}>
      {map && (
        <div class="map-sheet" style={{ width: `${map.width * scale}px`, height: `${map.height * scale}px` }}>
          <div class="map-picture" style={{ transform: `scale(${scale})`, width: `${map.width}px` }}>
            <Edges map={map} service={service} chosen={chosen} seconds={(graph.endUs - graph.startUs) / 1e6} />
            {map.nodes.map((node) => (
              <Node
                key={node.service}
                node={node}
                counted={graph.services.find((each) => each.service === node.service)}
                service={service}
                range={range}
              />
            ))}
          </div>
        </div>
      )}
    </div>
  );
}

interface NodeProps {
  node: MapNode;
  /** Absent: nothing was counted in this time. */
  counted: ServiceNode | undefined;
  service: string;
  range: PageRange;
}

function Node({ node, counted, service, range }: NodeProps) {
  const isChosen = node.service === service;
  const errorShare = counted && counted.calls > 0 ? counted.errors / counted.calls : 0;
  return (
    <a
      class={`map-node ${isChosen ? 'chosen' : ''} ${counted ? '' : 'gone'}`}
      href={formatServicePath('map', isChosen ? { range } : { service: node.service, range })}
      aria-current={isChosen ? 'true' : undefined}
      title={node.service}
      style={{
        left: `${node.x - node.width / 2}px`,
        top: `${node.y - node.height / 2}px`,
        width: `${node.width}px`,
        height: `${node.height}px`,
        '--service': serviceColour(node.service),
      }}
    >
      <span class="name">{node.service}</span>
      <span class="numbers">
        {counted ? (
          <>
            {formatRate(counted.rate)}
            {counted.p95Us !== null && ` · ${formatDuration(counted.p95Us)}`}
            {errorShare > 0 && <span class="error-share"> · {formatShare(errorShare)}</span>}
          </>
        ) : (
          'not seen'
        )}
      </span>
    </a>
  );
}

interface EdgesProps {
  map: ServiceMap<Dependency>;
  service: string;
  chosen: Signal<Dependency | null>;
  /** The length of the window. */
  seconds: number;
}

function Edges({ map, service, chosen, seconds }: EdgesProps) {
  const hasLabels = map.edges.length <= MAX_LABELS;
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: its edges have names, and a title would follow the pointer.
    <svg class="map-edges" width={map.width} height={map.height}>
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="9"
          markerHeight="9"
          markerUnits="userSpaceOnUse"
          orient="auto"
        >
          <path d="M0 0.5 8 4 0 7.5Z" />
        </marker>
      </defs>
      {map.edges.map((edge) => {
        const { parent, child, calls, confidence } = edge.call;
        const isNear = service === '' || parent === service || child === service;
        const isChosen = chosen.value === edge.call;
        const choose = () => {
          chosen.value = isChosen ? null : edge.call;
        };
        return (
          // biome-ignore lint/a11y/useSemanticElements: SVG has no button.
          <g
            key={`${parent} ${child} ${edge.change}`}
            class={`map-edge ${edge.change} ${confidence} ${isNear ? '' : 'far'} ${isChosen ? 'chosen' : ''}`}
            role="button"
            tabindex={0}
            aria-label={`Calls from ${parent} to ${child}`}
            aria-pressed={isChosen}
            style={{ '--errors': errorWeight(edge) }}
            onClick={choose}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' && event.key !== ' ') return;
              event.preventDefault();
              choose();
            }}
          >
            <path class="catch" d={edge.path} stroke-width={CATCH_PX} />
            <path class="line" d={edge.path} stroke-width={edge.width} marker-end="url(#arrow)" />
            {hasLabels && isNear && <Label edge={edge} rate={calls / seconds} />}
          </g>
        );
      })}
    </svg>
  );
}

/** Room for a character of a label, and on both sides of it. */
const CHARACTER_PX = 5.6;
const AIR_PX = 8;
const CHANGE_NAMES: Readonly<Record<Change, string>> = { none: '', appeared: 'new · ', vanished: 'gone' };

function Label({ edge, rate }: { edge: MapEdge<Dependency>; rate: number }) {
  const { x, y, change, call } = edge;
  const numbers = change === 'vanished' ? '' : `${formatRate(rate)} · ${formatDuration(call.p95Us)}`;
  const text = CHANGE_NAMES[change] + numbers;
  const width = text.length * CHARACTER_PX + AIR_PX;
  return (
    <>
      <rect x={x - width / 2} y={y - 8} width={width} height="16" rx="4" />
      <text x={x} y={y + 4}>
        {text}
      </text>
    </>
  );
}

/** How red: wholly from one call in five on, and to be seen from the first one. */
function errorWeight({ errorShare }: MapEdge<Dependency>): number {
  return errorShare === 0 ? 0 : Math.min(1, 0.25 + errorShare * 3.75);
}
