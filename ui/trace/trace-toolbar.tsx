import type { RefObject } from 'preact';
import { formatDuration } from '../logic/duration.ts';
import { isWhole } from '../logic/viewport.ts';
import { Icon } from '../parts/icon.tsx';
import type { TraceState } from './trace-state.ts';

interface Props {
  state: TraceState;
  findBox: RefObject<HTMLInputElement | null>;
  onHelp: () => void;
}

/** Finding, folding, zooming. */
export function TraceToolbar({ state, findBox, onHelp }: Props) {
  const { startUs, endUs } = state.viewport.value;
  const zoomed = !isWhole(state.viewport.value, state.totalUs.value);
  return (
    <div class="toolbar">
      <FindBox state={state} findBox={findBox} />
      <div class="group">
        <Tool icon="unfold" label="Unfold all" onClick={state.unfoldEverything} />
        <Tool icon="fold" label="Fold all" onClick={state.foldEverything} />
        {state.insight.value.timeline !== null && <CriticalToggle state={state} />}
      </div>
      <div class="group zoom">
        {zoomed && (
          <>
            <span class="range">
              {formatDuration(startUs)} – {formatDuration(endUs)}
            </span>
            <button type="button" class="button small" onClick={state.resetZoom}>
              Whole trace
            </button>
          </>
        )}
        <button
          type="button"
          class="icon-button text"
          aria-label="Zoom out"
          title="Zoom out (−)"
          onClick={state.zoomOut}
        >
          −
        </button>
        <button type="button" class="icon-button text" aria-label="Zoom in" title="Zoom in (+)" onClick={state.zoomIn}>
          +
        </button>
        <Tool icon="help" label="Keyboard (?)" onClick={onHelp} />
      </div>
    </div>
  );
}

function CriticalToggle({ state }: { state: TraceState }) {
  const isShown = state.showCritical.value;
  return (
    <button
      type="button"
      class="chip critical-toggle"
      aria-pressed={isShown}
      title="Mark what the trace waited for, moment by moment"
      onClick={() => {
        state.showCritical.value = !isShown;
      }}
    >
      Critical path
    </button>
  );
}

function Tool(props: { icon: 'unfold' | 'fold' | 'help' | 'up' | 'down'; label: string; onClick: () => void }) {
  return (
    <button type="button" class="icon-button" aria-label={props.label} title={props.label} onClick={props.onClick}>
      <Icon name={props.icon} />
    </button>
  );
}

function FindBox({ state, findBox }: { state: TraceState; findBox: RefObject<HTMLInputElement | null> }) {
  const found = state.found.value;
  const position = found === null ? -1 : found.indexOf(state.active.value);
  return (
    <search class="find-box">
      <Icon name="search" />
      <input
        ref={findBox}
        type="text"
        aria-label="Find in this trace"
        placeholder="Find: name, service, key=value"
        spellcheck={false}
        autocomplete="off"
        value={state.findText.value}
        onInput={(event) => {
          state.findText.value = event.currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') state.goToMatch(event.shiftKey ? -1 : 1);
        }}
      />
      {found === null ? (
        <kbd>/</kbd>
      ) : (
        <>
          <span class="matches" role="status">
            {found.length === 0 ? 'none' : `${position < 0 ? '–' : position + 1} of ${found.length}`}
          </span>
          <Tool icon="up" label="Previous match" onClick={() => state.goToMatch(-1)} />
          <Tool icon="down" label="Next match" onClick={() => state.goToMatch(1)} />
        </>
      )}
    </search>
  );
}
