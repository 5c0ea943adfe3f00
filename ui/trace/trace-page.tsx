import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Command, commandOf } from '../logic/keys.ts';
import { formatTracePath } from '../logic/route.ts';
import { ROW_PX } from '../logic/rows.ts';
import { replaceAddress } from '../shell/router.ts';
import { Details } from './details.tsx';
import { KeyboardHelp } from './keyboard-help.tsx';
import { Minimap } from './minimap.tsx';
import { TraceHeader } from './trace-header.tsx';
import type { TraceState } from './trace-state.ts';
import { TraceToolbar } from './trace-toolbar.tsx';
import { Waterfall } from './waterfall.tsx';

/** The view of a trace that is loaded: header, overview, waterfall, details; and the keyboard over all of them. */
export function TracePage({ state, onKept }: { state: TraceState; onKept: () => void }) {
  const help = useRef<HTMLDialogElement>(null);
  const findBox = useRef<HTMLInputElement>(null);
  const grid = useRef<HTMLDivElement>(null);

  useSignalEffect(() => {
    const { traceId } = state.trace.value;
    const spanId = state.detailsOpen.value ? state.tree.value.spans[state.active.value]?.spanId : undefined;
    const href = formatTracePath(traceId, spanId);
    if (href !== window.location.pathname + window.location.search) replaceAddress(href);
  });

  useEffect(() => {
    grid.current?.focus({ preventScroll: true });
    const pageRows = () => Math.max(1, Math.floor((grid.current?.clientHeight ?? 0) / ROW_PX) - 3);
    const actions: Record<Command, () => void> = {
      previous: () => state.moveBy(-1),
      next: () => state.moveBy(1),
      first: () => state.moveBy(Number.NEGATIVE_INFINITY),
      last: () => state.moveBy(Number.POSITIVE_INFINITY),
      pageUp: () => state.moveBy(-pageRows()),
      pageDown: () => state.moveBy(pageRows()),
      unfold: state.unfoldOrEnter,
      fold: state.foldOrLeave,
      open: () => {
        state.detailsOpen.value = true;
      },
      close: () => {
        if (state.detailsOpen.peek()) state.detailsOpen.value = false;
        else state.findText.value = '';
        grid.current?.focus({ preventScroll: true });
      },
      zoomIn: state.zoomIn,
      zoomOut: state.zoomOut,
      zoomReset: state.resetZoom,
      zoomToSpan: () => state.zoomToNode(state.active.peek()),
      panLeft: state.panLeft,
      panRight: state.panRight,
      find: () => findBox.current?.select(),
      nextMatch: () => state.goToMatch(1),
      previousMatch: () => state.goToMatch(-1),
      help: () => help.current?.showModal(),
    };
    function onKeyDown(event: KeyboardEvent) {
      const target = event.target as HTMLElement;
      if (help.current?.open || event.defaultPrevented) return;
      if (target.matches('input, select, textarea') && event.key !== 'Escape') return;
      const command = commandOf(event, target === document.body || target === grid.current);
      if (command === null) return;
      event.preventDefault();
      actions[command]();
    }
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [state]);

  return (
    <main class="trace-view">
      <TraceHeader state={state} onKept={onKept} />
      <Minimap state={state} />
      <TraceToolbar state={state} findBox={findBox} onHelp={() => help.current?.showModal()} />
      <div class={`split ${state.detailsOpen.value ? 'with-details' : ''}`}>
        <Waterfall state={state} grid={grid} />
        {state.detailsOpen.value && <Details state={state} />}
      </div>
      <KeyboardHelp dialog={help} />
    </main>
  );
}
