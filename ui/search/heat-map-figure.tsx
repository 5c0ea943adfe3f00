import { type Signal, useSignal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import type { TraceSummary } from '../../model/span.ts';
import { formatDuration } from '../logic/duration.ts';
import { type Cell, layoutHeatMap, pickFromHeatMap, type TraceHistogram } from '../logic/heat-map.ts';
import { formatTracePath } from '../logic/route.ts';
import { formatTimeShort } from '../logic/time.ts';
import type { TimeRange } from '../logic/viewport.ts';

const LEAST_RADIUS = 3;
const MORE_RADIUS = 4;
/** A drag that is narrower than this in one direction picks along the other alone; narrower in both, it is a click. */
const LEAST_DRAG_PX = 8;

export type Picked = ReturnType<typeof pickFromHeatMap>;

interface Props {
  /** The listed ones. */
  traces: readonly TraceSummary[];
  /** All of them, where there are more than the list has; else the dots say it all. */
  histogram: TraceHistogram | null;
  /** The time that was searched. */
  searched: TimeRange;
  /** The trace id the pointer is on, here or in the list. */
  pointed: Signal<string | null>;
  onPick: (picked: Picked) => void;
}

/**
 * Duration over time: how many traces as shades, the listed ones as dots, errors among them as diamonds. A drag narrows the
 * search to what is under it, as the form does without a pointer. The list below has the same links.
 */
export function HeatMapFigure({ traces, histogram, searched, pointed, onPick }: Props) {
  const map = useMemo(() => layoutHeatMap(histogram, traces, searched), [histogram, traces, searched]);
  const plot = useRef<HTMLDivElement>(null);
  const brush = useBrush(plot, (box) => onPick(pickFromHeatMap(map, box)));
  const { startUs, endUs } = map.times;
  const edges = [startUs, (startUs + endUs) / 2, endUs];
  return (
    <figure class="heat-map" aria-hidden="true">
      <div class="plot" ref={plot} {...brush.handlers}>
        {map.lines.map((line) => (
          <div key={line.durationUs} class="line" style={{ bottom: `${line.y * 100}%` }}>
            <span>{formatDuration(line.durationUs)}</span>
          </div>
        ))}
        {map.cells.map((cell) => (
          <i
            key={`${cell.times.startUs} ${cell.durations.leastUs}`}
            style={cellStyle(cell)}
            title={nameCell(cell, endUs)}
          />
        ))}
        {map.dots.map(({ trace, x, y, size }) => (
          // biome-ignore lint/a11y/useAnchorContent: the figure is hidden from screen readers; the list has the same links.
          <a
            key={trace.traceId}
            href={formatTracePath(trace.traceId)}
            tabIndex={-1}
            draggable={false}
            class={`dot ${trace.status} ${trace.state} ${pointed.value === trace.traceId ? 'pointed' : ''}`}
            style={{
              left: `${x * 100}%`,
              bottom: `${y * 100}%`,
              '--radius': `${LEAST_RADIUS + MORE_RADIUS * size}px`,
            }}
            title={`${trace.rootService} ${trace.rootOperation}\n${formatDuration(trace.durationUs)}`}
            onPointerEnter={() => {
              pointed.value = trace.traceId;
            }}
            onPointerLeave={() => {
              pointed.value = null;
            }}
          />
        ))}
        {brush.box.value && <div class="brushed" style={boxStyle(brush.box.value)} />}
      </div>
      <figcaption class="times">
        {edges.map((us) => (
          <span key={us}>{formatTimeShort(us, endUs)}</span>
        ))}
      </figcaption>
    </figure>
  );
}

interface Box {
  left: number;
  right: number;
  bottom: number;
  top: number;
}

/** A drag over an element, as shares of it. */
function useBrush(element: { current: HTMLDivElement | null }, onBrushed: (box: Box) => void) {
  const box = useSignal<Box | null>(null);
  const from = useRef<{ x: number; y: number } | null>(null);
  function boxTo(event: PointerEvent): Box | null {
    const { left, bottom, width, height } = element.current!.getBoundingClientRect();
    const { x, y } = from.current!;
    const isWide = Math.abs(event.clientX - x) >= LEAST_DRAG_PX;
    const isHigh = Math.abs(event.clientY - y) >= LEAST_DRAG_PX;
    if (!isWide && !isHigh) return null;
    const across = [x, event.clientX].map((at) => clamp((at - left) / width)).sort((a, b) => a - b);
    const up = [y, event.clientY].map((at) => clamp((bottom - at) / height)).sort((a, b) => a - b);
    return {
      left: isWide ? across[0]! : 0,
      right: isWide ? across[1]! : 1,
      bottom: isHigh ? up[0]! : 0,
      top: isHigh ? up[1]! : 1,
    };
  }
  function end() {
    from.current = null;
    box.value = null;
  }
  return {
    box,
    handlers: {
      onPointerDown(event: PointerEvent) {
        if (event.button === 0) from.current = { x: event.clientX, y: event.clientY };
      },
      onPointerMove(event: PointerEvent) {
        if (from.current === null) return;
        box.value = boxTo(event);
        // Not before it is a drag: a captured pointer's click is not that of the dot below it.
        if (box.value !== null) element.current!.setPointerCapture(event.pointerId);
      },
      onPointerUp() {
        const brushed = box.peek();
        end();
        if (brushed !== null) onBrushed(brushed);
      },
      onPointerCancel: end,
    },
  };
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}

function boxStyle({ left, right, bottom, top }: Box) {
  return {
    left: `${left * 100}%`,
    width: `${(right - left) * 100}%`,
    bottom: `${bottom * 100}%`,
    height: `${(top - bottom) * 100}%`,
  };
}

function cellStyle(cell: Cell) {
  return { ...boxStyle(cell), '--weight': cell.weight };
}

function nameCell({ count, times, durations }: Cell, nowUs: number): string {
  const when = `${formatTimeShort(times.startUs, nowUs)} – ${formatTimeShort(times.endUs, nowUs)}`;
  const long = `${formatDuration(durations.leastUs)} – ${formatDuration(durations.mostUs)}`;
  return `${count.toLocaleString('en')} ${count === 1 ? 'trace' : 'traces'}\n${when}\n${long}`;
}
