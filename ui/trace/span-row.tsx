// biome-ignore-all lint/a11y/useSemanticElements: a <table> cannot draw only the rows on the screen.
// biome-ignore-all lint/a11y/useFocusableInteractive: the treegrid has the focus; rows are its aria-activedescendant.

import type { Span } from '../../model/span.ts';
import { serviceOf } from '../../model/tree.ts';
import { type Bar, layoutBar, layoutEvents } from '../logic/bars.ts';
import { formatDuration } from '../logic/duration.ts';
import { explainRank, nameRank } from '../logic/explain-span.ts';
import { layoutStretches } from '../logic/insight.ts';
import { ROW_PX, rowKey } from '../logic/rows.ts';
import type { TimeRange } from '../logic/viewport.ts';
import { Icon } from '../parts/icon.tsx';
import { serviceColour } from '../shell/catalog.ts';
import type { TraceState } from './trace-state.ts';

/** Room a bar's label needs beside it. */
const LABEL_PX = 84;
/** More, where the label says how slow the span is. */
const RANK_PX = 44;
/** Deeper rows are indented no further and say their depth. */
const MAX_INDENT = 14;

interface Props {
  state: TraceState;
  node: number;
  /** Place among the visible rows. */
  row: number;
  timelinePx: number;
}

/** One span: its name in the tree and its bar on the time axis. */
export function SpanRow({ state, node, row, timelinePx }: Props) {
  const tree = state.tree.value;
  const span = tree.spans[node]!;
  const active = state.active.value === node;
  const matches = state.foundSet.value;
  const found = matches === null ? '' : matches.has(node) ? 'found' : 'not-found';
  const hasChildren = tree.end[node]! > node + 1;
  const folded = hasChildren && state.isFolded(node);
  const failed = span.status.code === 'error';
  const isSynthetic = tree.synthetic[node] === 1;
  function choose() {
    state.activate(node);
    state.detailsOpen.value = true;
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the treegrid has the focus and the keys.
    <div
      id={`row-${rowKey(span)}`}
      class={`row ${active ? 'active' : ''} ${failed ? 'failed' : ''} ${isSynthetic ? 'synthetic' : ''} ${found}`}
      role="row"
      aria-level={tree.depth[node]! + 1}
      aria-rowindex={row + 2}
      aria-selected={active}
      aria-expanded={hasChildren ? !folded : undefined}
      style={{ transform: `translateY(${row * ROW_PX}px)`, '--service': serviceColour(serviceOf(span)) }}
      onClick={choose}
      onDblClick={() => state.zoomToNode(node)}
    >
      <NameCell state={state} node={node} span={span} folded={folded} hasChildren={hasChildren} />
      <TimeCell state={state} node={node} span={span} timelinePx={timelinePx} />
    </div>
  );
}

interface NameProps {
  state: TraceState;
  node: number;
  span: Span;
  folded: boolean;
  hasChildren: boolean;
}

function NameCell({ state, node, span, folded, hasChildren }: NameProps) {
  const tree = state.tree.value;
  const depth = tree.depth[node]!;
  const mark = tree.mark[node]!;
  const versions = state.insight.value.rows[node]?.versions ?? 1;
  const hidden = tree.end[node]! - node - 1;
  const sums = state.errors.value;
  const hiddenErrors = folded ? sums[tree.end[node]!]! - sums[node + 1]! : 0;
  return (
    <div class="name-cell" role="gridcell" style={{ '--indent': Math.min(depth, MAX_INDENT) }}>
      <span class="guides" />
      {depth > MAX_INDENT && <span class="depth">{depth}</span>}
      {hasChildren ? (
        <button
          type="button"
          class={`fold ${folded ? 'folded' : ''}`}
          tabIndex={-1}
          aria-hidden="true"
          onClick={(event) => {
            event.stopPropagation();
            state.setFolded(node, !folded);
          }}
          onDblClick={(event) => event.stopPropagation()}
        >
          <Icon name="chevron" />
        </button>
      ) : (
        <span class="fold" />
      )}
      <span class="service-mark" />
      {span.status.code === 'error' && (
        <span class="error-mark">
          <Icon name="error" />
          <span class="visually-hidden">error: </span>
        </span>
      )}
      <span class="names">
        <span class="operation">{span.name}</span>{' '}
        {tree.synthetic[node] === 0 && <span class="service">{serviceOf(span)}</span>}
      </span>
      {tree.synthetic[node] === 1 && (
        <span class="tag" title="Others name it as their parent; it stands over their time">
          not received
        </span>
      )}
      {versions > 1 && (
        <span class="tag" title={`It was received ${versions} times; the best version is shown`}>
          × {versions}
        </span>
      )}
      {mark === 'cycle' && (
        <span class="tag warn" title="Its parents lead back to itself; the link to its parent is left out">
          cycle
        </span>
      )}
      {folded && (
        <span
          class={`hidden-count ${hiddenErrors > 0 ? 'failed' : ''}`}
          title={`${hidden} spans folded away, ${hiddenErrors} with errors`}
        >
          +{hidden}
        </span>
      )}
    </div>
  );
}

interface TimeProps {
  state: TraceState;
  node: number;
  span: Span;
  timelinePx: number;
}

function TimeCell({ state, node, span, timelinePx }: TimeProps) {
  const viewport = state.viewport.value;
  const { rows, critical, timeline } = state.insight.value;
  const told = rows[node];
  const range = state.rangeOf(node);
  const rank = told === undefined ? '' : nameRank(told, timeline!.operations);
  const labelPx = LABEL_PX + (rank === '' ? 0 : RANK_PX);
  const bar = layoutBar(range, viewport, Math.min(0.5, labelPx / Math.max(timelinePx, 1)));
  const isSynthetic = state.tree.value.synthetic[node] === 1;
  const label = span.durationUs === undefined ? span.state : formatDuration(span.durationUs);
  return (
    <div class="time-cell" role="gridcell">
      <span class="visually-hidden">
        {`starts at ${formatDuration(range.startUs)}, `}
        {span.durationUs === undefined ? `${span.state}, without an end` : `takes ${label}`}
        {span.events.length > 0 && `, ${span.events.length} events`}
        {told?.criticalUs !== undefined && `, waited for during ${formatDuration(told.criticalUs)}`}
        {rank !== '' && `, ${explainRank(told!, timeline!.operations)}`}
      </span>
      {bar === null ? (
        <span class={`off ${range.endUs < viewport.startUs ? 'left' : 'right'}`} aria-hidden="true">
          <Icon name={range.endUs < viewport.startUs ? 'back' : 'chevron'} />
        </span>
      ) : (
        <>
          <span
            class={`bar ${isSynthetic ? 'synthetic' : span.state}`}
            style={{ left: `min(${bar.left * 100}%, 100% - 2px)`, width: `${(bar.right - bar.left) * 100}%` }}
          />
          <Stretches kind="gap" stretches={state.insight.value.gaps.get(node)} viewport={viewport} />
          {state.showCritical.value && <Stretches kind="critical" stretches={critical.get(node)} viewport={viewport} />}
          {span.events.length > 0 &&
            layoutEvents(span, range.startUs, viewport).map((mark) => (
              <span
                key={mark.fraction}
                class={`event-mark ${mark.exception ? 'exception' : ''}`}
                style={{ left: `${mark.fraction * 100}%` }}
                title={mark.names.join('\n')}
              />
            ))}
          <span class={`bar-label ${bar.label} ${span.state}`} style={labelStyle(bar)} aria-hidden="true">
            {label}
            {rank !== '' && <span class="rank">{rank}</span>}
          </span>
        </>
      )}
    </div>
  );
}

interface StretchProps {
  kind: 'critical' | 'gap';
  stretches: readonly TimeRange[] | undefined;
  viewport: TimeRange;
}

/** Parts of a bar that are marked. */
function Stretches({ kind, stretches, viewport }: StretchProps) {
  if (stretches === undefined) return null;
  return layoutStretches(stretches, viewport).map(({ left, right }) => (
    <span
      key={left}
      class={kind}
      style={{ left: `min(${left * 100}%, 100% - 2px)`, width: `${(right - left) * 100}%` }}
    />
  ));
}

function labelStyle(bar: Bar): { left: string } | { right: string } {
  switch (bar.label) {
    case 'after':
      return { left: `${bar.right * 100}%` };
    case 'before':
    case 'inside':
      return { right: `${(1 - (bar.label === 'before' ? bar.left : bar.right)) * 100}%` };
  }
}
