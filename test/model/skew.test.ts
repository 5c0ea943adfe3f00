import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOCK_TICK_US, type ClockBounds, clockBounds, clocksOf } from '../../model/clock-bounds.ts';
import { type Interval, largestOverlap } from '../../model/overlap.ts';
import { type ClockOffset, estimateSkew } from '../../model/skew.ts';
import type { Span } from '../../model/span.ts';
import { buildTree, type SpanTree } from '../../model/tree.ts';
import { arbitraryTrace, MINUTE_US, opened, testSpan } from './faulty-trace.ts';

const MS = 1_000;

/** A call that takes 100 ms at the client and 60 ms at the server, 20 ms after it began, on a clock that is `offUs` late. */
function call(id: string, parent: string, offUs: number, part: { from?: string; to?: string; atUs?: number } = {}) {
  const { from = 'web', to = 'api', atUs = 0 } = part;
  return [
    testSpan(`${id}c`, parent, { clock: from, kind: 'client', startUs: atUs, durationUs: 100 * MS }),
    testSpan(`${id}s`, `${id}c`, { clock: to, kind: 'server', startUs: atUs + 20 * MS - offUs, durationUs: 60 * MS }),
  ];
}
const root = testSpan('root', null, { clock: 'web', kind: 'server', durationUs: 1_000 * MS });

function offsets(spans: readonly Span[]): Map<string, ClockOffset> {
  return new Map(estimateSkew(buildTree(spans)).clocks.map((clock) => [clock.service + clock.instance, clock]));
}

describe('estimateSkew', () => {
  it('works when there are no spans, and when there is one clock', () => {
    expect(estimateSkew(buildTree([])).clocks).toEqual([]);
    const { clocks, clockOf } = estimateSkew(buildTree([root]));
    expect(clocks).toEqual([
      { service: 'web', instance: '', reference: 0, offsetUs: 0, minUs: 0, maxUs: 0, uncertaintyUs: 0, confidence: 1 },
    ]);
    expect([...clockOf]).toEqual([0]);
  });

  it('puts a server whose clock is a minute off into the middle of its client, and says how far that may be wrong', () => {
    for (const off of [MINUTE_US, -MINUTE_US]) {
      const api = offsets([root, ...call('a', 'root', off)]).get('api')!;
      expect(api.offsetUs).toBe(off);
      expect(api.uncertaintyUs).toBe(20 * MS + CLOCK_TICK_US);
      expect([api.minUs, api.maxUs]).toEqual([off - api.uncertaintyUs, off + api.uncertaintyUs]);
      expect(api.confidence).toBeCloseTo(2 / 3);
    }
  });

  it('leaves a clock alone that is off by no more than what can be measured', () => {
    expect(offsets([root, ...call('a', 'root', 20 * MS)]).get('api')!.offsetUs).toBe(0);
    expect(offsets([root, ...call('a', 'root', -20 * MS - CLOCK_TICK_US)]).get('api')!.offsetUs).toBe(0);
    expect(offsets([root, ...call('a', 'root', 20 * MS + CLOCK_TICK_US + 2)]).get('api')!.offsetUs).not.toBe(0);
  });

  it('knows more from several calls than from any one of them', () => {
    const early = testSpan('early', 'c1', { clock: 'api', kind: 'server', startUs: -5_000 * MS, durationUs: 60 * MS });
    const late = testSpan('late', 'c2', { clock: 'api', kind: 'server', startUs: -4_760 * MS, durationUs: 60 * MS });
    const client = (id: string, startUs: number) =>
      testSpan(id, 'root', { clock: 'web', kind: 'client', startUs, durationUs: 100 * MS });
    const api = offsets([root, client('c1', 0), client('c2', 200 * MS), early, late]).get('api')!;
    // The first call alone says 5,000 to 5,040 ms, the second 4,960 to 5,000.
    expect(api.offsetUs).toBe(5_000 * MS);
    expect(api.uncertaintyUs).toBe(CLOCK_TICK_US);
    expect(api.confidence).toBe(3 / 4);
  });

  it('goes with most calls when one of them contradicts, and is less sure', () => {
    const good = ['a', 'b', 'c'].flatMap((id, i) => call(id, 'root', MINUTE_US, { atUs: i * 200 * MS }));
    const sure = offsets([root, ...good]).get('api')!;
    const doubted = offsets([root, ...good, ...call('d', 'root', 0, { atUs: 700 * MS })]).get('api')!;
    expect(doubted.offsetUs).toBe(sure.offsetUs);
    expect(sure.confidence).toBe(4 / 5);
    expect(doubted.confidence).toBe(4 / 6);
  });

  it('takes instances of one service for different clocks', () => {
    const [client, server] = call('a', 'root', MINUTE_US);
    const resource = { attributes: { 'service.name': 'api', 'service.instance.id': '#2' } };
    const found = offsets([root, ...call('b', 'root', 0), client!, { ...server!, resource }]);
    expect(found.get('api')!.offsetUs).toBe(0);
    expect(found.get('api#2')!.offsetUs).toBe(MINUTE_US);
  });

  it('adds up along a chain of services, with their uncertainty', () => {
    const spans = [root, ...call('a', 'root', MINUTE_US)];
    const below = call('b', 'as', 2 * MINUTE_US, { from: 'api', to: 'db' });
    const found = offsets([...spans, { ...below[0]!, startUs: -MINUTE_US }, below[1]!]);
    expect(found.get('db')!.offsetUs).toBe(2 * MINUTE_US);
    expect(found.get('db')!.uncertaintyUs).toBe(2 * (20 * MS + CLOCK_TICK_US));
    expect(found.get('db')!.confidence).toBeCloseTo(4 / 9);
  });

  it('takes the narrowest way to a clock, narrows what it finds by the other ways, and chooses from what is left', () => {
    // Straight from web, 6 ms less to 56 ms more than a minute; by way of db, 42 ms either way.
    const client = testSpan('c', 'root', { clock: 'web', kind: 'client', startUs: 0, durationUs: 110 * MS });
    const server = { clock: 'api', kind: 'server', startUs: 5 * MS - MINUTE_US, durationUs: 50 * MS } as const;
    const straight = [client, testSpan('s', 'c', server)];
    const around = [
      ...call('a', 'root', 0, { to: 'db', atUs: 200 * MS }),
      ...call('b', 'as', MINUTE_US, { from: 'db' }),
    ];
    const api = offsets([root, ...straight, ...around]).get('api')!;
    expect([api.minUs, api.maxUs]).toEqual([MINUTE_US - 6 * MS, MINUTE_US + 42 * MS]);
    // db itself need not be moved, so it bounds the choice by 21 ms.
    expect(api.offsetUs).toBe(MINUTE_US + (21 * MS - 6 * MS) / 2);
  });

  it('gives a clock that agrees with the one it is called by the same offset', () => {
    const client = testSpan('c', 'as', { clock: 'api', kind: 'client', startUs: -MINUTE_US, durationUs: 50 * MS });
    const server = testSpan('s', 'c', {
      clock: 'db',
      kind: 'server',
      startUs: 5 * MS - MINUTE_US,
      durationUs: 20 * MS,
    });
    expect(offsets([root, ...call('a', 'root', MINUTE_US), client, server]).get('db')!.offsetUs).toBe(MINUTE_US);
  });

  it('knows of messages, of servers that outlive their clients and of open spans only that they came after', () => {
    const [client, server] = call('a', 'root', MINUTE_US) as [Span, Span];
    const pairs: [Span, Span][] = [
      [
        { ...client, kind: 'producer' },
        { ...server, kind: 'consumer' },
      ],
      [client, { ...server, durationUs: 101 * MS }],
      [client, opened(server)],
      [opened(client), server],
    ];
    for (const pair of pairs) {
      const api = offsets([root, ...pair]).get('api')!;
      expect(api.offsetUs).toBe(MINUTE_US - 20 * MS);
      expect([api.maxUs, api.uncertaintyUs]).toEqual([Infinity, Infinity]);
      expect(api.minUs).toBe(api.offsetUs - CLOCK_TICK_US);
    }
  });

  it('does not take a page that names the server span of its document as parent for a clock that is late', () => {
    const page = testSpan('page', 'root', { clock: 'page', startUs: -300 * MS, durationUs: 900 * MS });
    expect(offsets([root, page]).get('page')).toMatchObject({ offsetUs: 0, confidence: 0, reference: 1 });
  });

  it('relates what no call connects with the root to the first clock of its own component', () => {
    const lost = call('a', 'nowhere', MINUTE_US, { from: 'api', to: 'db' });
    const { clocks } = estimateSkew(buildTree([root, ...lost]));
    expect(
      clocks.map(({ service, reference, offsetUs, confidence }) => [service, reference, offsetUs, confidence]),
    ).toEqual([
      ['web', 0, 0, 1],
      ['api', 1, 0, 0],
      ['db', 1, MINUTE_US, 0],
    ]);
  });

  it('takes 32,000 spans on 10,000 clocks, 10,000 deep', () => {
    const chain = [testSpan('s0', null, { clock: 'c0', kind: 'server', durationUs: 10_000_000 })];
    for (let i = 1; i < 10_000; i++) {
      const clock = { startUs: 0, durationUs: 10_000_000 };
      chain.push(testSpan(`c${i}`, `s${i - 1}`, { ...clock, clock: `c${i - 1}`, kind: 'client' }));
      chain.push(testSpan(`s${i}`, `c${i}`, { ...clock, clock: `c${i}`, kind: 'server' }));
    }
    for (let i = 0; chain.length < 32_000; i++) chain.push(testSpan(`w${i}`, `s${i % 10_000}`, { clock: 'c7' }));
    const { clocks } = estimateSkew(buildTree(chain));
    expect(clocks.length).toBe(10_000);
    expect(clocks.every(({ offsetUs }) => offsetUs === 0)).toBe(true);
  });

  it('bounds the real offset of every clock however wrong clocks are and whatever is lost, doubled and out of order', () => {
    fc.assert(
      fc.property(arbitraryTrace({ lost: true }), ({ received, offsets: real }) => {
        const { clocks } = estimateSkew(buildTree(received));
        const offsetOf = ({ service }: ClockOffset) => real[Number(service.split('-')[1])]!;
        for (const clock of clocks) {
          const wanted = offsetOf(clock) - offsetOf(clocks[clock.reference]!);
          expect(clock.minUs).toBeLessThanOrEqual(wanted);
          expect(clock.maxUs).toBeGreaterThanOrEqual(wanted);
          expect(clock.minUs).toBeLessThanOrEqual(clock.offsetUs);
          expect(clock.maxUs).toBeGreaterThanOrEqual(clock.offsetUs);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives bounds no narrower than the tightest there are, and as tight where clocks call each other in a tree', () => {
    fc.assert(
      fc.property(arbitraryTrace({ lost: true }), ({ received }) => {
        const tree = buildTree(received);
        const { clocks } = estimateSkew(tree);
        const table = clocksOf(tree);
        const bounds = clockBounds(tree, table);
        const tightest = tightestBounds(clocks.length, bounds);
        const isTree = !hasCircle(clocks, bounds);
        clocks.forEach(({ reference, minUs, maxUs }, clock) => {
          const { min, max } = tightest(reference, clock);
          expect(minUs).toBeLessThanOrEqual(min);
          expect(maxUs).toBeGreaterThanOrEqual(max);
          if (isTree) expect([minUs, maxUs]).toEqual([min, max]);
        });
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves every server within its client, by a tick, where clocks call each other in a tree', () => {
    fc.assert(
      fc.property(arbitraryTrace({ lost: true }), ({ received }) => {
        const tree = buildTree(received);
        const { clocks, clockOf } = estimateSkew(tree);
        if (hasCircle(clocks, clockBounds(tree, { clocks, clockOf }))) return;
        const start = (row: number) => tree.spans[row]!.startUs + clocks[clockOf[row]!]!.offsetUs;
        for (const [client, server] of calls(tree)) {
          const early = start(client) - start(server);
          const late =
            start(server) + tree.spans[server]!.durationUs! - start(client) - tree.spans[client]!.durationUs!;
          expect(early).toBeLessThanOrEqual(CLOCK_TICK_US);
          expect(late).toBeLessThanOrEqual(CLOCK_TICK_US);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('moves nothing when all clocks are right', () => {
    fc.assert(
      fc.property(arbitraryTrace(), ({ real }) => {
        expect(estimateSkew(buildTree(real)).clocks.every(({ offsetUs }) => offsetUs === 0)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('gives finite offsets, within their bounds, when spans make cycles', () => {
    fc.assert(
      fc.property(arbitraryTrace({ lost: true, cyclic: true }), ({ received }) => {
        const { clocks } = estimateSkew(buildTree(received));
        for (const { offsetUs, minUs, maxUs, confidence, reference } of clocks) {
          expect(Number.isSafeInteger(offsetUs)).toBe(true);
          expect(minUs).toBeLessThanOrEqual(maxUs);
          expect(confidence).toBeGreaterThanOrEqual(0);
          expect(confidence).toBeLessThanOrEqual(1);
          expect(clocks[reference]).toMatchObject({ reference, offsetUs: 0 });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('largestOverlap', () => {
  it('equals trying every point', () => {
    const end = fc.oneof(fc.integer({ min: -6, max: 6 }), fc.constantFrom(-Infinity, Infinity));
    const interval = fc
      .tuple(end, end)
      .filter(([a, b]) => a !== b || Number.isFinite(a))
      .map(([a, b]): Interval => ({ min: Math.min(a, b), max: Math.max(a, b) }));
    fc.assert(
      fc.property(fc.array(interval, { minLength: 1, maxLength: 7 }), (intervals) => {
        const found = largestOverlap(intervals);
        const covering = (at: number) => intervals.filter(({ min, max }) => min <= at && at <= max).length;
        const points = Array.from({ length: 61 }, (_, i) => (i - 30) / 4);
        const most = Math.max(...points.map(covering));
        expect(found.agreeing).toBe(most);
        const best = points.filter((at) => covering(at) === most);
        const inside = points.filter((at) => found.min <= at && at <= found.max);
        expect(inside.length).toBeGreaterThan(0);
        expect(inside.every((at) => covering(at) === most)).toBe(true);
        expect(Math.min(...inside.map(Math.abs))).toBe(Math.min(...best.map(Math.abs)));
        for (const beyond of [found.min - 0.25, found.max + 0.25]) {
          if (Number.isFinite(beyond)) expect(covering(beyond)).toBeLessThan(most);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

/** Whether some clock can be reached from its reference in two ways. */
function hasCircle(clocks: readonly ClockOffset[], bounds: readonly ClockBounds[]): boolean {
  return bounds.length > clocks.filter(({ reference }, i) => reference !== i).length;
}

/** Client and server rows whose times bound each other from both sides. */
function calls(tree: SpanTree): [client: number, server: number][] {
  return tree.spans.flatMap((server, row): [number, number][] => {
    const client = tree.spans[tree.parent[row]!];
    return client?.kind === 'client' && server.kind === 'server' ? [[tree.parent[row]!, row]] : [];
  });
}

/** The tightest bounds that follow from all together: shortest paths between all clocks (Floyd and Warshall). */
function tightestBounds(count: number, bounds: readonly ClockBounds[]) {
  const most = Array.from({ length: count }, (_, i) =>
    Array.from({ length: count }, (_, j) => (i === j ? 0 : Infinity)),
  );
  for (const { from, to, min, max } of bounds) {
    most[from]![to] = max;
    most[to]![from] = -min;
  }
  for (let via = 0; via < count; via++)
    for (let i = 0; i < count; i++)
      for (let j = 0; j < count; j++) most[i]![j] = Math.min(most[i]![j]!, most[i]![via]! + most[via]![j]!);
  return (from: number, to: number) => ({ min: 0 - most[to]![from]!, max: most[from]![to]! });
}
