// biome-ignore-all lint/a11y/useSemanticElements: a <table> cannot draw only the rows on the screen.
// biome-ignore-all lint/a11y/useFocusableInteractive: the treegrid has the focus; rows are its aria-activedescendant.

import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import type { RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import { ROW_PX, rowKey, rowWindow, scrollToRow } from '../logic/rows.ts';
import { layoutTicks } from '../logic/ticks.ts';
import type { TimeRange } from '../logic/viewport.ts';
import { useSize } from '../parts/use-size.ts';
import { nameShare } from '../shell/preferences.ts';
import { NameDivider } from './name-divider.tsx';
import { SpanRow } from './span-row.tsx';
import type { TraceState } from './trace-state.ts';
import { useTimelinePointer } from './use-timeline-pointer.ts';

const TICK_PX = 110;
const LEAST_NAME_PX = 164;

/** The tree of spans with their bars on a time axis. Only the rows on and near the screen are in the document. */
export function Waterfall({ state, grid }: { state: TraceState; grid: RefObject<HTMLDivElement | null> }) {
  const scroller = useRef<HTMLDivElement>(null);
  const scrollTop = useSignal(0);
  const size = useSize(scroller);
  const selection = useSignal<TimeRange | null>(null);
  const axis = useRef<HTMLDivElement>(null);
  useTimelinePointer(state, selection, { grid, axis });

  useSignalEffect(() => {
    const { height } = size.value;
    if (state.reveals.value === 0 || height === 0) return;
    const element = scroller.current!;
    element.scrollTop = scrollToRow(state.activeRow.peek(), element.scrollTop, height, ROW_PX);
    scrollTop.value = element.scrollTop;
  });

  const rows = state.rows.value;
  const first = useComputed(() => rowWindow(scrollTop.value, size.value.height, ROW_PX, state.rows.value.length).first);
  const last = useComputed(() => rowWindow(scrollTop.value, size.value.height, ROW_PX, state.rows.value.length).last);
  const namePx = useComputed(() => Math.max(nameShare.value * size.value.width, LEAST_NAME_PX));
  const timelinePx = useComputed(() => Math.max(0, size.value.width - namePx.value));
  const ticks = layoutTicks(state.viewport.value, Math.floor(timelinePx.value / TICK_PX));
  const activeShown = state.activeRow.value >= first.value && state.activeRow.value < last.value;

  const drawn = [];
  for (let row = first.value; row < last.value; row++) {
    const node = rows[row]!;
    drawn.push(
      <SpanRow
        key={rowKey(state.tree.value.spans[node]!)}
        state={state}
        node={node}
        row={row}
        timelinePx={timelinePx.value}
      />,
    );
  }

  return (
    <div
      ref={grid}
      class="waterfall"
      role="treegrid"
      tabIndex={0}
      aria-label="Spans"
      aria-rowcount={rows.length + 1}
      aria-colcount={2}
      aria-activedescendant={activeShown ? `row-${rowKey(state.tree.value.spans[state.active.value]!)}` : undefined}
      style={{ '--name-width': `${namePx.value}px`, '--row-height': `${ROW_PX}px` }}
    >
      <div class="axis" role="row" aria-rowindex={1}>
        <div class="name-cell" role="columnheader">
          Operation
        </div>
        <div class="time-cell" role="columnheader" aria-label="Time" ref={axis}>
          {ticks.map((tick) => (
            <span
              key={tick.atUs}
              class={tick.fraction > 0.93 ? 'tick last' : 'tick'}
              style={{ left: `${tick.fraction * 100}%` }}
            >
              {tick.label}
            </span>
          ))}
        </div>
        <NameDivider container={grid} />
      </div>
      <div
        ref={scroller}
        class="scroller"
        role="rowgroup"
        onScroll={(event) => {
          scrollTop.value = event.currentTarget.scrollTop;
        }}
      >
        <div class="sheet" role="presentation" style={{ height: `${rows.length * ROW_PX}px` }}>
          <div class="grid-lines" role="presentation">
            {ticks.map((tick) => (
              <i key={tick.atUs} style={{ left: `${tick.fraction * 100}%` }} />
            ))}
            <Selection selection={selection.value} viewport={state.viewport.value} />
          </div>
          {drawn}
        </div>
      </div>
    </div>
  );
}

function Selection({ selection, viewport }: { selection: TimeRange | null; viewport: TimeRange }) {
  if (selection === null) return null;
  const length = viewport.endUs - viewport.startUs;
  const left = (Math.min(selection.startUs, selection.endUs) - viewport.startUs) / length;
  const width = Math.abs(selection.endUs - selection.startUs) / length;
  return <div class="selection" style={{ left: `${left * 100}%`, width: `${width * 100}%` }} />;
}
