import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareTraces } from '../../model/compare.ts';
import type { Span } from '../../model/span.ts';
import { buildTree, type SpanTree, serviceOf } from '../../model/tree.ts';
import { arbitraryTrace, opened, testSpan } from './faulty-trace.ts';

const SMALL = ['query', 'query', 'render'] as const;

function trace(ids: string, part: Partial<Span> = {}): Span[] {
  const id = (i: number) => `${ids}${i}`;
  return [
    testSpan(id(9), null, { name: 'GET /', ...part }),
    ...SMALL.map((name, i) => testSpan(id(i), id(9), { name, startUs: i * 10, durationUs: 5 + i })),
  ];
}

describe('compareTraces', () => {
  it('works when there are no spans', () => {
    expect(compareTraces(buildTree([]), buildTree([]))).toEqual({ matched: [], onlyInA: [], onlyInB: [] });
    const one = buildTree(trace('a'));
    expect(compareTraces(one, buildTree([])).onlyInA).toEqual([0, 1, 2, 3]);
    expect(compareTraces(buildTree([]), one).onlyInB).toEqual([0, 1, 2, 3]);
  });

  it('matches by service, operation and order, not by id or time, and says how much longer each took', () => {
    const b = trace('b', { startUs: -1_000, durationUs: 7 }).map((span) => ({
      ...span,
      startUs: span.startUs + 3_000,
    }));
    b[2] = { ...b[2]!, durationUs: 1_006 };
    expect(compareTraces(buildTree(trace('a')), buildTree(b))).toEqual({
      matched: [
        { a: 0, b: 0, longerUs: -3 },
        { a: 1, b: 1, longerUs: 0 },
        { a: 2, b: 2, longerUs: 1_000 },
        { a: 3, b: 3, longerUs: 0 },
      ],
      onlyInA: [],
      onlyInB: [],
    });
  });

  it('has the rest on either side, with all that is below', () => {
    const a = [...trace('a'), testSpan('cache', 'a9', { startUs: -1 }), testSpan('get', 'cache')];
    const b = [...trace('b'), testSpan('q', 'b9', { name: 'query', startUs: 99 }), testSpan('r', 'q', { name: 'get' })];
    const { matched, onlyInA, onlyInB } = compareTraces(buildTree(a), buildTree(b));
    expect(matched.map(({ a, b }) => [a, b])).toEqual([
      [0, 0],
      [3, 1],
      [4, 2],
      [5, 3],
    ]);
    expect([onlyInA, onlyInB]).toEqual([
      [1, 2],
      [4, 5],
    ]);
  });

  it('tells services apart, whatever characters names have, and does not subtract what has not ended', () => {
    const one = (service: string, name: string) => buildTree([testSpan('x', null, { clock: service, name })]);
    expect(compareTraces(one('a', 'b'), one('c', 'b')).matched).toEqual([]);
    expect(compareTraces(one('a","b', 'c'), one('a', 'b","c')).matched).toEqual([]);
    const open = buildTree([opened(testSpan('x', null))]);
    expect(compareTraces(open, buildTree([testSpan('x', null)])).matched).toEqual([{ a: 0, b: 0 }]);
  });

  it('takes 32,000 spans, 10,000 deep', () => {
    const deep = Array.from({ length: 10_000 }, (_, i) =>
      testSpan(`c${i}`, i === 0 ? null : `c${i - 1}`, { name: 'same' }),
    );
    const wide = Array.from({ length: 22_000 }, (_, i) => testSpan(`w${i}`, 'c9999', { name: 'same', startUs: i }));
    const tree = buildTree([...deep, ...wide]);
    expect(compareTraces(tree, tree).matched.length).toBe(32_000);
  });

  it('equals matching level by level, whatever was lost, doubled or made a cycle', () => {
    const pair = fc.tuple(arbitraryTrace({ lost: true, cyclic: true }), arbitraryTrace({ lost: true, cyclic: true }));
    fc.assert(
      fc.property(pair, fc.integer({ min: 1, max: 3 }), ([a, b], names) => {
        const renamed = (spans: readonly Span[]) =>
          buildTree(spans.map((span) => ({ ...span, name: String(Number(span.name) % names) })));
        const [treeA, treeB] = [renamed(a.received), renamed(b.received)];
        const { matched, onlyInA, onlyInB } = compareTraces(treeA, treeB);
        expect(matched.map(({ a, b }) => [a, b])).toEqual(reference(treeA, treeB));
        expect([...matched.map(({ a }) => a), ...onlyInA].sort((x, y) => x - y)).toEqual([...treeA.spans.keys()]);
        expect([...matched.map(({ b }) => b), ...onlyInB].sort((x, y) => x - y)).toEqual([...treeB.spans.keys()]);
        for (const { a, b, longerUs } of matched) {
          expect(longerUs).toBe(treeB.spans[b]!.durationUs! - treeA.spans[a]!.durationUs!);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

/** Pairs the children of a matched pair, first come first. */
function reference(a: SpanTree, b: SpanTree): number[][] {
  const children = (tree: SpanTree, of: number) => [...tree.spans.keys()].filter((row) => tree.parent[row] === of);
  const match = (rowA: number, rowB: number): number[][] => {
    const left = children(b, rowB);
    return children(a, rowA).flatMap((one) => {
      const at = left.findIndex((other) => isSame(a.spans[one]!, b.spans[other]!));
      if (at < 0) return [];
      const [other] = left.splice(at, 1);
      return [[one, other!], ...match(one, other!)];
    });
  };
  return match(-1, -1).sort(([x], [y]) => x! - y!);
}

function isSame(one: Span, other: Span): boolean {
  return one.name === other.name && serviceOf(one) === serviceOf(other);
}
