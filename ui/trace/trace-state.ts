/** The state behind the trace view, and everything that changes it. Layout is in ../logic; drawing is in components. */

import { batch, computed, signal } from '@preact/signals';
import { completeTree } from '../../model/complete-tree.ts';
import type { Span, Trace } from '../../model/span.ts';
import type { TimelineAnswer } from '../../model/timeline.ts';
import { findSpans, nextMatch } from '../logic/find.ts';
import { readTimeline } from '../logic/insight.ts';
import { errorSums, foldAll, reveal, rowKey, rowOfNode, visibleRows } from '../logic/rows.ts';
import { isWhole, panBy, type TimeRange, wholeRange, zoomAbout, zoomToSpan } from '../logic/viewport.ts';

/** One step of the zoom keys and how far the pan keys move, as shares of the viewport. */
const ZOOM_STEP = 0.6;
const PAN_STEP = 0.2;

/** A trace, and what the edge tells of it; null where that did not come. */
export interface LoadedTrace {
  readonly trace: Trace;
  readonly timeline: TimelineAnswer | null;
}

/** State of the view of one trace, which `replace` may later replace by a newer version of itself. */
export function createTraceState(first: LoadedTrace) {
  const loaded = signal(first);
  const trace = computed(() => loaded.value.trace);
  const tree = computed(() => completeTree(trace.value.spans));
  const insight = computed(() => readTimeline(tree.value, loaded.value.timeline));
  const totalUs = computed(() => insight.value.totalUs);
  const errors = computed(() => errorSums(tree.value));

  const folded = signal<ReadonlySet<string>>(new Set());
  const rows = computed(() => visibleRows(tree.value, folded.value));
  const nodeOfKey = computed(() => new Map(tree.value.spans.map((span, node) => [rowKey(span), node])));

  /** null: the whole trace, also as it grows. */
  const zoom = signal<TimeRange | null>(null);
  const viewport = computed(() => zoom.value ?? wholeRange(totalUs.value));

  const activeKey = signal<string | null>(null);
  const active = computed(() => nodeOfKey.value.get(activeKey.value ?? '') ?? 0);
  const activeRow = computed(() => rowOfNode(rows.value, active.value));
  const detailsOpen = signal(false);
  /** Counts the times the active row has to be brought onto the screen. */
  const reveals = signal(0);

  /** Whether the critical path is marked on the bars. */
  const showCritical = signal(true);

  const findText = signal('');
  const found = computed(() => findSpans(tree.value, findText.value));
  const foundSet = computed(() => (found.value === null ? null : new Set(found.value)));

  function span(node: number): Span {
    return tree.peek().spans[node]!;
  }

  /** When the node's span ran, since the trace's start. */
  function rangeOf(node: number): TimeRange {
    return insight.value.ranges[node]!;
  }

  /** Makes `node` the active one, unfolding what hides it. */
  function activate(node: number): void {
    batch(() => {
      if (rowOfNode(rows.peek(), node) < 0) folded.value = reveal(tree.peek(), folded.peek(), node);
      activeKey.value = rowKey(span(node));
      reveals.value++;
    });
  }

  function setFolded(node: number, fold: boolean): void {
    const keys = new Set(folded.peek());
    if (fold) keys.add(rowKey(span(node)));
    else keys.delete(rowKey(span(node)));
    batch(() => {
      folded.value = keys;
      if (fold && rowOfNode(rows.peek(), active.peek()) < 0) activeKey.value = rowKey(span(node));
    });
  }

  function isFolded(node: number): boolean {
    return folded.value.has(rowKey(tree.value.spans[node]!));
  }

  function hasChildren(node: number): boolean {
    return tree.value.end[node]! > node + 1;
  }

  function setZoom(range: TimeRange): void {
    zoom.value = isWhole(range, totalUs.peek()) ? null : range;
  }

  /** The middle of the active span if it is in the viewport, else the viewport's. */
  function focusUs(): number {
    const { startUs, endUs } = viewport.peek();
    const range = rangeOf(active.peek());
    const middle = (Math.max(range.startUs, startUs) + Math.min(range.endUs, endUs)) / 2;
    return range.endUs >= startUs && range.startUs <= endUs ? middle : (startUs + endUs) / 2;
  }

  return {
    trace,
    replace: (newer: LoadedTrace) => {
      loaded.value = newer;
    },
    tree,
    insight,
    rangeOf,
    showCritical,
    totalUs,
    errors,
    folded,
    rows,
    viewport,
    active,
    activeRow,
    activeKey,
    detailsOpen,
    reveals,
    findText,
    found,
    foundSet,
    activate,
    setFolded,
    isFolded,
    hasChildren,
    setZoom,
    /** Moves by `by` rows; stops at the ends. */
    moveBy(by: number): void {
      const last = rows.peek().length - 1;
      activate(rows.peek()[Math.min(Math.max(activeRow.peek() + by, 0), last)]!);
    },
    /** What the right arrow does in a tree. */
    unfoldOrEnter(): void {
      const node = active.peek();
      if (!hasChildren(node)) return;
      if (isFolded(node)) setFolded(node, false);
      else activate(node + 1);
    },
    /** What the left arrow does in a tree. */
    foldOrLeave(): void {
      const node = active.peek();
      const parent = tree.peek().parent[node]!;
      if (hasChildren(node) && !isFolded(node)) setFolded(node, true);
      else if (parent >= 0) activate(parent);
    },
    foldEverything(): void {
      batch(() => {
        folded.value = foldAll(tree.peek());
        if (activeRow.peek() < 0) activeKey.value = null;
      });
    },
    unfoldEverything(): void {
      folded.value = new Set();
    },
    /** Activates the next match (or the one before), around the end. */
    goToMatch(step: 1 | -1): void {
      const match = nextMatch(found.peek() ?? [], active.peek(), step);
      if (match !== null) activate(match);
    },
    /** Activates the span with this id; false when the trace does not have it. */
    activateSpan(spanId: string): boolean {
      const node = tree.peek().spans.findIndex((candidate) => candidate.spanId === spanId);
      if (node >= 0) activate(node);
      return node >= 0;
    },
    zoomIn: () => setZoom(zoomAbout(viewport.peek(), ZOOM_STEP, focusUs(), totalUs.peek())),
    zoomOut: () => setZoom(zoomAbout(viewport.peek(), 1 / ZOOM_STEP, focusUs(), totalUs.peek())),
    /** Zooms by `factor`; the time under the pointer stays there. */
    zoomAt: (factor: number, atUs: number) => setZoom(zoomAbout(viewport.peek(), factor, atUs, totalUs.peek())),
    pan: (share: number) => setZoom(panBy(viewport.peek(), share, totalUs.peek())),
    panLeft: () => setZoom(panBy(viewport.peek(), -PAN_STEP, totalUs.peek())),
    panRight: () => setZoom(panBy(viewport.peek(), PAN_STEP, totalUs.peek())),
    resetZoom: () => {
      zoom.value = null;
    },
    zoomToNode(node: number): void {
      const range = rangeOf(node);
      setZoom(zoomToSpan(range.startUs, range.endUs, totalUs.peek()));
    },
  };
}

export type TraceState = ReturnType<typeof createTraceState>;
