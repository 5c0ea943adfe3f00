import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTree } from '../../model/tree.ts';
import {
  errorSums,
  foldAll,
  ROW_PX,
  reveal,
  rowKey,
  rowOfNode,
  rowWindow,
  scrollToRow,
  visibleRows,
} from '../../ui/logic/rows.ts';
import { span } from './spans.ts';

/** Trees of up to 40 spans: each span's parent is one before it. */
const anyTree = fc
  .array(fc.nat(), { minLength: 1, maxLength: 40 })
  .map((picks) => buildTree(picks.map((pick, i) => span(`s${i}`, i === 0 ? null : `s${pick % i}`, { startUs: i }))));

describe('visibleRows', () => {
  it('shows exactly the nodes without a folded ancestor', () => {
    fc.assert(
      fc.property(anyTree, fc.array(fc.nat({ max: 39 })), (tree, picks) => {
        const folded = new Set(picks.map((pick) => `s${pick}`));
        const shown = tree.spans
          .map((_, node) => node)
          .filter((node) => {
            for (let up = tree.parent[node]!; up >= 0; up = tree.parent[up]!) {
              if (folded.has(rowKey(tree.spans[up]!))) return false;
            }
            return true;
          });
        const rows = visibleRows(tree, folded);
        expect([...rows]).toEqual(shown);
        for (let node = 0; node < tree.spans.length; node++) expect(rowOfNode(rows, node)).toBe(shown.indexOf(node));
      }),
    );
  });

  it('shows a node again once it was revealed, and folds no more than it must not', () => {
    fc.assert(
      fc.property(anyTree, fc.nat(), (tree, pick) => {
        const node = pick % tree.spans.length;
        const open = reveal(tree, foldAll(tree), node);
        expect(rowOfNode(visibleRows(tree, open), node)).toBeGreaterThanOrEqual(0);
        expect(open.has(rowKey(tree.spans[node]!))).toBe(foldAll(tree).has(rowKey(tree.spans[node]!)));
      }),
    );
  });

  it('tells the two halves of a shared span apart', () => {
    expect(rowKey(span('a', null, { kind: 'server' }))).not.toBe(rowKey(span('a', null, { kind: 'client' })));
  });
});

describe('errorSums', () => {
  it('counts the errors of any subtree by one subtraction', () => {
    const failed = { status: { code: 'error' } } as const;
    const tree = buildTree([span('a', null), span('b', 'a', failed), span('c', 'b', failed), span('d', 'a')]);
    const sums = errorSums(tree);
    expect(sums[tree.end[0]!]! - sums[0]!).toBe(2);
    expect(sums[tree.end[1]!]! - sums[2]!).toBe(1);
    expect(sums[tree.end[3]!]! - sums[3]!).toBe(0);
  });
});

describe('rowWindow', () => {
  it('covers the screen, never more than it and the overscan, and stays inside the rows', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 2_000_000 }),
        fc.integer({ min: 0, max: 3_000 }),
        fc.nat({ max: 40_000 }),
        (top, height, count) => {
          const scrollTop = Math.min(top, Math.max(0, count * ROW_PX - height));
          const { first, last } = rowWindow(scrollTop, height, ROW_PX, count);
          expect(first).toBeGreaterThanOrEqual(0);
          expect(last).toBeLessThanOrEqual(count);
          expect(first * ROW_PX).toBeLessThanOrEqual(scrollTop);
          expect(last * ROW_PX).toBeGreaterThanOrEqual(Math.min(scrollTop + height, count * ROW_PX));
          expect(last - first).toBeLessThanOrEqual(Math.ceil(height / ROW_PX) + 40);
        },
      ),
    );
  });
});

describe('scrollToRow', () => {
  it('moves only when the row is not wholly on the screen, and no further than it must', () => {
    expect(scrollToRow(5, 0, 260, ROW_PX)).toBe(0);
    expect(scrollToRow(10, 0, 260, ROW_PX)).toBe(ROW_PX);
    expect(scrollToRow(2, 100, 260, ROW_PX)).toBe(2 * ROW_PX);
  });
});
