import { useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { serviceOf } from '../../model/tree.ts';
import { type Brush, moveBrush, startBrush } from '../logic/brush.ts';
import { formatDuration } from '../logic/duration.ts';
import { layoutTicks } from '../logic/ticks.ts';
import { isWhole, timeAt, wholeRange } from '../logic/viewport.ts';
import { useSize } from '../parts/use-size.ts';
import { resolveColours } from '../shell/canvas-colours.ts';
import { serviceColour } from '../shell/catalog.ts';
import { isDark } from '../shell/preferences.ts';
import type { TraceState } from './trace-state.ts';

/** How near to an edge of the viewport a press takes hold of it. */
const GRIP_PX = 7;
/** A press that moves less is a click, which changes nothing. */
const LEAST_DRAG_PX = 3;

/** The whole trace in small, with the viewport as a brush. */
export function Minimap({ state }: { state: TraceState }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSize(box);
  const drag = useRef<{ brush: Brush; x: number } | null>(null);

  useSignalEffect(() => {
    // The theme changes what the colours resolve to.
    void isDark.value;
    if (canvas.current && size.value.width > 0) draw(canvas.current, state, size.value);
  });

  function timeOf(event: PointerEvent): number {
    const { left, width } = box.current!.getBoundingClientRect();
    return timeAt(wholeRange(state.totalUs.peek()), (event.clientX - left) / width);
  }

  const total = wholeRange(state.totalUs.value).endUs;
  const { startUs, endUs } = state.viewport.value;
  const zoomed = !isWhole(state.viewport.value, state.totalUs.value);
  return (
    <div
      ref={box}
      class="minimap"
      role="img"
      aria-label={`Overview of the trace; shown is ${formatDuration(startUs)} to ${formatDuration(endUs)} of ${formatDuration(total)}`}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        const gripUs = (GRIP_PX / box.current!.clientWidth) * total;
        drag.current = { brush: startBrush(state.viewport.peek(), timeOf(event), gripUs, total), x: event.clientX };
        box.current!.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (drag.current === null || Math.abs(event.clientX - drag.current.x) < LEAST_DRAG_PX) return;
        drag.current.x = Number.NEGATIVE_INFINITY;
        state.setZoom(moveBrush(drag.current.brush, timeOf(event), total));
      }}
      onPointerUp={() => {
        drag.current = null;
      }}
      onPointerCancel={() => {
        drag.current = null;
      }}
      onDblClick={state.resetZoom}
    >
      <div class="minimap-ticks">
        {layoutTicks(wholeRange(state.totalUs.value), 5).map((tick) => (
          <span key={tick.atUs} style={{ left: `${tick.fraction * 100}%` }}>
            {tick.label}
          </span>
        ))}
      </div>
      <canvas ref={canvas} />
      {zoomed && (
        <>
          <div class="shade" style={{ left: 0, width: `${(startUs / total) * 100}%` }} />
          <div class="shade" style={{ left: `${(endUs / total) * 100}%`, right: 0 }} />
          <div
            class="brush"
            style={{ left: `${(startUs / total) * 100}%`, width: `${((endUs - startUs) / total) * 100}%` }}
          />
        </>
      )}
    </div>
  );
}

const TOP_PX = 18;
const BOTTOM_PX = 4;

/** Draws every span as a line at its row's height, the critical path on them; errors last, so that none is hidden. */
function draw(canvas: HTMLCanvasElement, state: TraceState, size: { width: number; height: number }): void {
  const scale = window.devicePixelRatio;
  canvas.width = size.width * scale;
  canvas.height = size.height * scale;
  const context = canvas.getContext('2d')!;
  context.scale(scale, scale);
  const { spans } = state.tree.value;
  const perUs = size.width / wholeRange(state.totalUs.value).endUs;
  const rowPx = Math.min(5, (size.height - TOP_PX - BOTTOM_PX) / spans.length);
  const barPx = Math.max(1, rowPx * 0.7);
  const names = spans.map(serviceOf);
  const colours = resolveColours(canvas, [...new Set(names)].map(serviceColour).concat('var(--error)', 'var(--ink)'));
  const fill = (node: number) => {
    const range = state.rangeOf(node);
    context.fillRect(
      range.startUs * perUs,
      TOP_PX + node * rowPx,
      Math.max(1, (range.endUs - range.startUs) * perUs),
      barPx,
    );
  };
  for (let node = 0; node < spans.length; node++) {
    context.fillStyle = colours.get(serviceColour(names[node]!))!;
    fill(node);
  }
  if (state.showCritical.value) {
    context.fillStyle = colours.get('var(--ink)')!;
    for (const [node, stretches] of state.insight.value.critical) {
      for (const { startUs, endUs } of stretches) {
        const top = TOP_PX + node * rowPx;
        context.fillRect(
          startUs * perUs,
          top + barPx / 2,
          Math.max(1, (endUs - startUs) * perUs),
          Math.max(1, barPx / 2),
        );
      }
    }
  }
  context.fillStyle = colours.get('var(--error)')!;
  for (let node = 0; node < spans.length; node++) if (spans[node]!.status.code === 'error') fill(node);
}
