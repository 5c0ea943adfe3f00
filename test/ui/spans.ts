import type { Span } from '../../model/span.ts';

/** A span for the page's tests: only what a test says matters. */
export function span(spanId: string, parent: string | null, part: Partial<Span> = {}): Span {
  return {
    traceId: '1'.repeat(32),
    spanId,
    ...(parent === null ? {} : { parentSpanId: parent }),
    name: `operation ${spanId}`,
    kind: 'internal',
    startUs: 1_000,
    durationUs: 100,
    state: 'ended',
    status: { code: 'unset' },
    attributes: {},
    events: [],
    links: [],
    resource: { attributes: { 'service.name': 'shop' } },
    scope: { name: '' },
    ...part,
  };
}

/** A span that has not ended. */
export function openSpan(spanId: string, parent: string | null, part: Partial<Span> = {}): Span {
  const { durationUs: _, ...rest } = span(spanId, parent, part);
  return { ...rest, state: 'open' };
}
