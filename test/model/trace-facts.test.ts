/** What a trace's tree and times tell beyond its critical path: each against the plain definition, moment by moment. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concurrency } from '../../model/concurrency.ts';
import { errorChain } from '../../model/error-chain.ts';
import { networkTimes } from '../../model/network-time.ts';
import { selfTimes } from '../../model/self-time.ts';
import { estimateSkew } from '../../model/skew.ts';
import type { Span } from '../../model/span.ts';
import { spanTimes } from '../../model/span-times.ts';
import { traceGaps } from '../../model/trace-gaps.ts';
import { buildTree } from '../../model/tree.ts';
import { arbitraryTrace, opened, testSpan } from './faulty-trace.ts';

function ran(id: string, parent: string | null, startUs: number, endUs: number, part: Partial<Span> = {}): Span {
  return testSpan(id, parent, { startUs, durationUs: endUs - startUs, ...part });
}

function analyse(spans: readonly Span[]) {
  const tree = buildTree(spans);
  return { tree, times: spanTimes(tree, estimateSkew(tree)) };
}

/** Two children at once, one that outlives the parent, a grandchild that is open. */
const busy = [
  ran('a', null, 0, 100),
  ran('b', 'a', 10, 40),
  ran('c', 'a', 30, 50),
  ran('d', 'a', 80, 130),
  opened(ran('e', 'd', 90, 0)),
];

/** Trees of spans with few moments, so that every one of them can be tried. */
const arbitraryMoments = fc
  .array(fc.tuple(fc.nat(), fc.nat({ max: 12 }), fc.nat({ max: 8 }), fc.nat({ max: 5 })), {
    minLength: 1,
    maxLength: 9,
  })
  .map((steps) =>
    steps.map(([parent, startUs, length, kind], i) => {
      const span = ran(String(i), i === 0 ? null : String(parent % i), startUs, startUs + length, {
        status: { code: kind < 2 ? 'error' : 'unset' },
      });
      return kind === 5 ? opened(span) : span;
    }),
  );
const MOMENTS = Array.from({ length: 24 }, (_, i) => i + 0.5);

/** Rows that run at a moment without a child of theirs running. */
function workingAt({ tree, times }: ReturnType<typeof analyse>, atUs: number): number[] {
  const running = (row: number) => times.startUs[row]! < atUs && atUs < times.endUs[row]!;
  const rows = [...tree.spans.keys()];
  return rows.filter((row) => running(row) && !rows.some((child) => tree.parent[child] === row && running(child)));
}

describe('selfTimes', () => {
  it('is what no child covers', () => {
    expect([...selfTimes(...values(busy))]).toEqual([40, 30, 20, 10, 40]);
    expect([...selfTimes(...values([]))]).toEqual([]);
  });

  it('equals counting moments', () => {
    fc.assert(
      fc.property(arbitraryMoments, (spans) => {
        const trace = analyse(spans);
        const counted = spans.map((_, row) => MOMENTS.filter((at) => workingAt(trace, at).includes(row)).length);
        expect([...selfTimes(trace.tree, trace.times)]).toEqual(counted);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is between nothing and the span, whatever is broken', () => {
    fc.assert(
      fc.property(arbitraryTrace({ lost: true, cyclic: true }), ({ received }) => {
        const { tree, times } = analyse(received);
        selfTimes(tree, times).forEach((selfUs, row) => {
          expect(selfUs).toBeGreaterThanOrEqual(0);
          expect(selfUs).toBeLessThanOrEqual(times.endUs[row]! - times.startUs[row]!);
          if (tree.end[row] === row + 1) expect(selfUs).toBe(times.endUs[row]! - times.startUs[row]!);
        });
      }),
      { numRuns: 500 },
    );
  });
});

describe('traceGaps', () => {
  it('finds where a span has no child running, the longest first, and nothing in spans without children', () => {
    expect(traceGaps(...values(busy), 10)).toEqual([
      { row: 0, startUs: 50, endUs: 80 },
      { row: 0, startUs: 0, endUs: 10 },
      { row: 3, startUs: 80, endUs: 90 },
    ]);
    expect(traceGaps(...values(busy), 11)).toEqual([{ row: 0, startUs: 50, endUs: 80 }]);
  });
});

describe('concurrency', () => {
  it('counts those that wait for their children once', () => {
    expect(concurrency(...values(busy))).toEqual([
      { atUs: 0, spans: 1 },
      { atUs: 30, spans: 2 },
      { atUs: 40, spans: 1 },
      { atUs: 130, spans: 0 },
    ]);
    expect(concurrency(...values([]))).toEqual([]);
  });

  it('equals counting at every moment', () => {
    fc.assert(
      fc.property(arbitraryMoments, (spans) => {
        const trace = analyse(spans);
        const steps = concurrency(trace.tree, trace.times);
        for (const at of MOMENTS) {
          expect(steps.findLast(({ atUs }) => atUs < at)?.spans ?? 0).toBe(workingAt(trace, at).length);
        }
        expect(steps.every(({ spans }, i) => spans !== (steps[i - 1]?.spans ?? 0))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('errorChain', () => {
  const failed = { status: { code: 'error' } } as const;

  it('goes from the deepest error to the top, over spans that have none', () => {
    const spans = [
      ran('a', null, 0, 100, failed),
      ran('b', 'a', 10, 20, failed),
      ran('c', 'a', 30, 90),
      ran('d', 'c', 60, 70, failed),
      ran('e', 'c', 40, 50, failed),
      ran('f', 'e', 45, 46),
    ];
    const tree = buildTree(spans);
    expect(errorChain(tree).map((row) => tree.spans[row]!.name)).toEqual(['e', 'c', 'a']);
    expect(errorChain(buildTree([ran('a', null, 0, 1)]))).toEqual([]);
    const cousins = [
      ran('g', 'a', 5, 9),
      ran('h', 'g', 80, 81, failed),
      ran('i', 'a', 6, 9),
      ran('j', 'i', 7, 8, failed),
    ];
    const family = buildTree([ran('a', null, 0, 100), ...cousins]);
    expect(errorChain(family).map((row) => family.spans[row]!.name)).toEqual(['j', 'i', 'a']);
  });

  it('begins at an error than which none is deeper, and ends at the top', () => {
    fc.assert(
      fc.property(arbitraryMoments, (spans) => {
        const { tree } = analyse(spans);
        const chain = errorChain(tree);
        const errors = [...tree.spans.keys()].filter((row) => tree.spans[row]!.status.code === 'error');
        expect(chain.length).toBe(errors.length === 0 ? 0 : Math.max(...errors.map((row) => tree.depth[row]!)) + 1);
        if (chain.length > 0) expect(errors).toContain(chain[0]);
        expect(chain.map((row) => tree.parent[row])).toEqual(chain.length === 0 ? [] : [...chain.slice(1), -1]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('networkTimes', () => {
  const client = ran('c', 'a', 10, 60, { kind: 'client' });
  const server = (id: string, us: number, parent = 'c') =>
    ran(id, parent, -5_000_000, -5_000_000 + us, { kind: 'server' });

  it('is what the client waited longer than the server took, whatever their clocks', () => {
    const spans = [ran('a', null, 0, 100), client, server('s', 30), ran('i', 'a', 70, 80), server('t', 5, 'i')];
    expect(networkTimes(buildTree(spans))).toEqual([{ client: 1, servers: [2], networkUs: 20 }]);
    expect(networkTimes(buildTree([...spans, server('u', 5)]))).toEqual([
      { client: 1, servers: [2, 3], networkUs: 15 },
    ]);
  });

  it('is unknown when the server took longer, and while one of them is open', () => {
    for (const pair of [
      [client, server('s', 51)],
      [client, opened(server('s', 0))],
      [opened(client), server('s', 5)],
    ]) {
      expect(networkTimes(buildTree([ran('a', null, 0, 100), ...pair]))).toEqual([{ client: 1, servers: [2] }]);
    }
  });

  it('never depends on clocks', () => {
    fc.assert(
      fc.property(arbitraryTrace(), ({ real, received }) => {
        const named = (spans: readonly Span[]) => {
          const tree = buildTree(spans);
          const name = (row: number) => Number(tree.spans[row]!.name);
          return networkTimes(tree)
            .map(({ client, servers, networkUs }) => [name(client), servers.map(name), networkUs])
            .sort((a, b) => Number(a[0]) - Number(b[0]));
        };
        expect(named(received)).toEqual(named(real));
        expect(named(real).length).toBe(real.filter(({ kind }) => kind === 'client').length);
      }),
      { numRuns: 500 },
    );
  });
});

it('takes 32,000 spans, 10,000 deep', () => {
  const chain = Array.from({ length: 10_000 }, (_, i) => ran(`c${i}`, i === 0 ? null : `c${i - 1}`, i, 100_000 - i));
  const wide = Array.from({ length: 22_000 }, (_, i) => ran(`w${i}`, 'c9999', 20_000 + i, 20_001 + i));
  const { tree, times } = analyse([...chain, ...wide]);
  const selfUs = selfTimes(tree, times);
  expect(selfUs.reduce((sum, us) => sum + us, 0)).toBe(100_000);
  expect(traceGaps(tree, times, 10_000).length).toBe(2);
  expect(concurrency(tree, times)).toEqual([
    { atUs: 0, spans: 1 },
    { atUs: 100_000, spans: 0 },
  ]);
  expect(errorChain(tree)).toEqual([]);
});

function values(spans: readonly Span[]) {
  const { tree, times } = analyse(spans);
  return [tree, times] as const;
}
