/**
 * The tree of a trace with synthetic spans where others are missing, so that what belongs together stands together. What is
 * known of a missing span is that its children named it, and when they ran.
 */

import type { Span } from './span.ts';
import { buildTree, type SpanTree } from './tree.ts';

export interface CompleteTree extends SpanTree {
  readonly synthetic: Uint8Array;
  /** How often a row's span was received; 0 for synthetic ones. */
  readonly versions: Int32Array;
}

/** What synthetic spans are called. */
export const MISSING_SPAN_NAME = 'missing span';

/**
 * Builds the tree in O(n log n). Each parent that is missing gets a synthetic span over the time of its children. When no root
 * was received, that span is the root if it is the only one, else there is a synthetic root above them; when one root was, they
 * are its children. Of several roots none is preferred: then they stay at the top. Cycles are cut and marked as `buildTree`
 * does; `headless` says whether a root was received, `duplicates` how many versions were left out. `versions`: all that were
 * received, where some have been left out of `received` already.
 */
export function completeTree(received: readonly Span[], versions = received): CompleteTree {
  const ids = new Set<string>();
  const roots = new Set<string>();
  for (const span of received) {
    ids.add(span.spanId);
    if (span.parentSpanId === undefined) roots.add(span.spanId);
  }
  const orphans = new Map<string, Span[]>();
  for (const span of received) {
    if (span.parentSpanId === undefined || ids.has(span.parentSpanId)) continue;
    const siblings = orphans.get(span.parentSpanId);
    if (siblings === undefined) orphans.set(span.parentSpanId, [span]);
    else siblings.push(span);
  }

  const standIns: Span[] = [];
  const [onlyRoot] = roots.size === 1 ? roots : [];
  const above = roots.size === 0 && orphans.size > 1 ? unusedId(ids, orphans) : onlyRoot;
  for (const [spanId, children] of orphans) standIns.push(standIn(spanId, above, children));
  if (roots.size === 0 && above !== undefined) standIns.push(standIn(above, undefined, standIns));

  const added = new Set(standIns);
  const tree = buildTree([...received, ...standIns]);
  const synthetic = Uint8Array.from(tree.spans, (span) => (added.has(span) ? 1 : 0));
  const duplicates = tree.duplicates + versions.length - received.length;
  return {
    ...tree,
    duplicates,
    headless: received.length > 0 && roots.size === 0,
    synthetic,
    versions: duplicates === 0 ? Int32Array.from(synthetic, (is) => 1 - is) : countVersions(tree, versions),
  };
}

/** A span over the time of its children: open while one of them is, and of their service if their process made them all. */
function standIn(spanId: string, parentSpanId: string | undefined, children: readonly Span[]): Span {
  const [first] = children as readonly [Span, ...Span[]];
  let startUs = first.startUs;
  let endUs = startUs;
  let open = false;
  let service: unknown = first.resource.attributes['service.name'];
  for (const child of children) {
    startUs = Math.min(startUs, child.startUs);
    endUs = Math.max(endUs, child.startUs + (child.durationUs ?? 0));
    if (child.durationUs === undefined) open = true;
    const fromElsewhere = child.kind === 'server' || child.kind === 'consumer';
    if (fromElsewhere || child.resource.attributes['service.name'] !== service) service = undefined;
  }
  return {
    traceId: first.traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name: MISSING_SPAN_NAME,
    kind: 'unspecified',
    startUs,
    ...(open ? { state: 'open' } : { state: 'ended', durationUs: endUs - startUs }),
    status: { code: 'unset' },
    attributes: {},
    events: [],
    links: [],
    resource: { attributes: typeof service === 'string' ? { 'service.name': service } : {} },
    scope: { name: '' },
  };
}

function countVersions({ spans }: SpanTree, versions: readonly Span[]): Int32Array {
  const copies = new Map<string, number>();
  for (const span of versions) copies.set(sideOf(span), (copies.get(sideOf(span)) ?? 0) + 1);
  return Int32Array.from(spans, (span) => copies.get(sideOf(span)) ?? 0);
}

/** What makes two received spans versions of one: `buildTree` takes the halves of a shared span for two. */
function sideOf({ spanId, kind }: Span): string {
  return kind === 'server' ? `${spanId} server` : spanId;
}

/** A span id that none of the trace has, nor names as parent. */
function unusedId(ids: ReadonlySet<string>, missing: ReadonlyMap<string, unknown>): string {
  for (let n = 0; ; n++) {
    const id = n.toString(16).padStart(16, '0');
    if (!ids.has(id) && !missing.has(id)) return id;
  }
}
