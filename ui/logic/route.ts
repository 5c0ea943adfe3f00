/** Which view a path shows. */

import { isTraceId } from '../../model/ids.ts';

export type Route =
  | { readonly view: 'search' | 'services' | 'map' | 'compare' }
  | { readonly view: 'trace'; readonly traceId: string }
  | { readonly view: 'unknown'; readonly path: string };

const VIEWS: Readonly<Record<string, Route>> = {
  '/': { view: 'search' },
  '/services': { view: 'services' },
  '/map': { view: 'map' },
  '/compare': { view: 'compare' },
};

/** Every path has a route; one that names no view is `unknown`. */
export function parseRoute(path: string): Route {
  if (Object.hasOwn(VIEWS, path)) return VIEWS[path]!;
  const trace = /^\/trace\/([^/]+)\/?$/.exec(path);
  if (trace) return { view: 'trace', traceId: trace[1]!.toLowerCase() };
  return { view: 'unknown', path };
}

export function formatTracePath(traceId: string, spanId?: string): string {
  return `/trace/${traceId}${spanId === undefined ? '' : `?span=${spanId}`}`;
}

/** `b` is a trace's id, or `typical` for one that took as long as its operation usually does. */
export function formatComparePath(a: string, b: string): string {
  return `/compare?${new URLSearchParams({ a, b })}`;
}

/**
 * The trace id in what someone pasted: bare, in upper case, with dashes, inside a URL, as a `traceparent`, or a 64-bit
 * id, which is padded. Null when there is none.
 */
export function parseTraceIdInput(text: string): string | null {
  const plain = text.trim().toLowerCase();
  const found =
    /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/.exec(plain) ??
    /^[0-9a-f-]{36}$/.exec(plain) ??
    /^[0-9a-f]{16}$/.exec(plain);
  if (!found) return null;
  const id = found[0].replaceAll('-', '').padStart(32, '0');
  return isTraceId(id) ? id : null;
}
