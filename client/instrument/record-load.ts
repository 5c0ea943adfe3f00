/**
 * Records the document's load: `documentLoad` from navigation start to the end of the load event, with the document and
 * its resources as children. It continues the server's trace where `<meta name="traceparent">` names one.
 */

import type { Span } from '../api/span.ts';
import type { Tracer } from '../api/tracer.ts';
import { parseTraceparent } from '../propagation/w3c.ts';
import { scrubUrl } from './scrub-url.ts';

const SCOPE = 'tailrace/document-load';
/** Resources beyond this many are left out: a trace of a page load should stay readable. */
const MAX_RESOURCES = 200;

/** To be called after the load event: its end is known only then. `segmentUs` is the clock's. */
export function recordLoad(tracer: Tracer, segmentUs: number): void {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  if (!navigation) return;
  const parent = document.querySelector<HTMLMetaElement>('meta[name="traceparent"]')?.content;
  /** The wall time of a `performance` timestamp in milliseconds, in microseconds since the Unix epoch. */
  const toUs = (ms: number) => segmentUs + ms * 1000;
  function child(parent: Span, name: string, timing: PerformanceResourceTiming): void {
    const { fetchStart, responseEnd, initiatorType, responseStatus, encodedBodySize } = timing;
    tracer
      .startSpan(name, {
        parent,
        kind: 'client',
        scope: SCOPE,
        startUs: toUs(fetchStart),
        attributes: {
          'url.full': scrubUrl(timing.name),
          'resource.initiator_type': initiatorType,
          // 0 where another origin does not let us know.
          'http.response.status_code': responseStatus || undefined,
          'http.response.body.size': encodedBodySize || undefined,
        },
      })
      .end(toUs(responseEnd));
  }

  const root = tracer.startSpan('documentLoad', {
    parent: parseTraceparent(parent),
    scope: SCOPE,
    startUs: toUs(navigation.fetchStart),
    attributes: { 'url.full': scrubUrl(navigation.name), 'navigation.type': navigation.type },
  });
  for (const [name, at] of [
    ['firstByte', navigation.responseStart],
    ['domInteractive', navigation.domInteractive],
    ['domContentLoaded', navigation.domContentLoadedEventEnd],
  ] as const) {
    if (at > 0) root.addEvent(name, {}, toUs(at));
  }
  child(root, 'documentFetch', navigation);
  const resources = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  for (const resource of resources.slice(0, MAX_RESOURCES)) {
    const hasOwnSpan = resource.initiatorType === 'fetch' || resource.initiatorType === 'beacon';
    if (!hasOwnSpan && resource.responseEnd <= navigation.loadEventEnd) child(root, 'resourceFetch', resource);
  }
  root.end(toUs(navigation.loadEventEnd));
}
