import { describe, expect, it } from 'vitest';
import { completeTree } from '../../model/complete-tree.ts';
import type { Span } from '../../model/span.ts';
import { type TimelineAnswer, toTimeline } from '../../model/timeline.ts';
import { criticalParts, layoutStretches, movedClock, readTimeline } from '../../ui/logic/insight.ts';
import { openSpan, span } from './spans.ts';

const service = (name: string) => ({ resource: { attributes: { 'service.name': name } } });

/** What the edge answers about the spans. */
function timelineOf(spans: readonly Span[]): TimelineAnswer {
  return {
    traceId: '1'.repeat(32),
    state: 'kept',
    decision: null,
    completeness: { score: 1, reasons: [], rootEnded: true, missingParents: 0, openSpans: 0 },
    statistics: null,
    ...toTimeline(spans, () => null),
  };
}

const MS = 1_000;
const MINUTE_US = 60_000_000;

/** A client of 40 ms whose server's clock is a minute ahead, and a child whose parent did not come. */
const SPANS = [
  span('root', null, { startUs: 0, durationUs: 100 * MS, kind: 'server' }),
  span('client', 'root', { startUs: 10 * MS, durationUs: 40 * MS, kind: 'client' }),
  span('server', 'client', {
    startUs: MINUTE_US + 15 * MS,
    durationUs: 30 * MS,
    kind: 'server',
    ...service('stock'),
  }),
  span('orphan', 'gone', { startUs: 60 * MS, durationUs: 10 * MS }),
];

describe('readTimeline', () => {
  const tree = completeTree(SPANS);
  const nodeOf = (spanId: string) => tree.spans.findIndex((each) => each.spanId === spanId);
  const insight = readTimeline(tree, timelineOf(SPANS));

  it('puts every span where it ran on the root’s clock', () => {
    expect(insight.totalUs).toBe(100 * MS);
    expect(insight.ranges[nodeOf('client')]).toEqual({ startUs: 10 * MS, endUs: 50 * MS });
    const server = insight.ranges[nodeOf('server')]!;
    expect(server.startUs).toBeGreaterThanOrEqual(10 * MS);
    expect(server.endUs).toBeLessThanOrEqual(50 * MS);
    expect(server.endUs - server.startUs).toBe(30 * MS);
    expect(insight.ranges[nodeOf('gone')]).toEqual({ startUs: 60 * MS, endUs: 70 * MS });
  });

  it('says which clocks were moved, and which were not', () => {
    expect(movedClock(insight, nodeOf('server'))!.offsetUs).toBeLessThan(-59_000_000);
    expect(movedClock(insight, nodeOf('client'))).toBeNull();
    expect(movedClock(insight, nodeOf('gone'))).toBeNull();
  });

  it('gives the critical path, gaps and network time to their nodes', () => {
    const waited = [...insight.critical.values()].flat().reduce((sum, { startUs, endUs }) => sum + endUs - startUs, 0);
    expect(waited).toBe(100 * MS);
    expect(insight.gaps.get(nodeOf('root'))).toContainEqual({ startUs: 70 * MS, endUs: 100 * MS });
    expect(insight.networkUs.get(nodeOf('client'))).toBe(10 * MS);
  });

  it('adds up what was waited for by operation, the longest first', () => {
    const parts = criticalParts(insight);
    expect(parts[0]).toMatchObject({ name: 'operation root', spans: 1, node: nodeOf('root') });
    expect(parts.reduce((sum, part) => sum + part.us, 0)).toBe(100 * MS);
    expect(parts.map(({ us }) => us)).toEqual(parts.map(({ us }) => us).toSorted((a, b) => b - a));
  });

  it('leaves spans where they were recorded when the edge told nothing', () => {
    const plain = readTimeline(tree, null);
    expect(plain.ranges[nodeOf('server')]!.startUs).toBe(MINUTE_US + 15 * MS);
    expect(plain.totalUs).toBe(MINUTE_US + 45 * MS);
    expect([plain.critical.size, plain.gaps.size, plain.networkUs.size]).toEqual([0, 0, 0]);
  });

  it('places spans that came after the timeline was made', () => {
    const later = completeTree([...SPANS, openSpan('late', 'root', { startUs: 90 * MS })]);
    const { ranges } = readTimeline(later, timelineOf(SPANS));
    const node = later.spans.findIndex((each) => each.spanId === 'late');
    expect(ranges[node]).toEqual({ startUs: 90 * MS, endUs: 100 * MS });
  });
});

describe('layoutStretches', () => {
  const viewport = { startUs: 100, endUs: 200 };

  it('cuts at the edges and leaves out what is outside', () => {
    const stretches = [
      { startUs: 0, endUs: 50 },
      { startUs: 50, endUs: 110 },
      { startUs: 150, endUs: 300 },
    ];
    expect(layoutStretches(stretches, viewport)).toEqual([
      { left: 0, right: 0.1 },
      { left: 0.5, right: 1 },
    ]);
  });

  it('draws ten thousand as few', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => ({ startUs: 100 + i / 100, endUs: 100 + i / 100 + 0.001 }));
    expect(layoutStretches(many, viewport).length).toBeLessThanOrEqual(501);
  });
});
