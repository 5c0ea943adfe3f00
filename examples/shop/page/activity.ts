/** The corner that says what just happened, with a link to the trace of it. */

import type { Exchange } from './api.ts';
import { byId, make } from './dom.ts';

const SHOWN = 4;
/** Slower than this is worth a colour. */
const SLOW_MS = 1_000;

/** Puts an exchange on top of the list. */
export function showExchange({ title, status, durationMs, endedMs, traceId, error }: Exchange<unknown>): void {
  const list = byId('activity-list');
  const tone = error !== null ? 'failing' : durationMs >= SLOW_MS ? 'slow' : 'fast';
  const item = make(
    'li',
    {},
    make('span', { className: 'what' }, title.replace(/\?.*/, '')),
    make('span', { className: `mark ${tone}` }, status === 0 ? 'no answer' : String(status)),
    make('span', { className: 'took', title: new Date(endedMs).toLocaleTimeString() }, formatDuration(durationMs)),
  );
  item.dataset.endedMs = String(endedMs);
  item.append(...traceLink(traceId));
  list.prepend(item);
  while (list.children.length > SHOWN) list.lastElementChild!.remove();
  byId('activity').hidden = false;
}

/** A link to the trace's page; empty where the trace is not known. */
export function traceLink(traceId: string | null): HTMLAnchorElement[] {
  if (traceId === null) return [];
  return [make('a', { href: `../trace/${traceId}`, target: '_blank', rel: 'noopener' }, 'See this trace')];
}

function formatDuration(ms: number): string {
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(2)} s` : `${Math.round(ms)} ms`;
}
