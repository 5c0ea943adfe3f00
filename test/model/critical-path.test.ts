import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { criticalPath } from '../../model/critical-path.ts';
import { estimateSkew } from '../../model/skew.ts';
import type { Span } from '../../model/span.ts';
import { type SpanTimes, spanTimes } from '../../model/span-times.ts';
import { buildTree, type SpanTree } from '../../model/tree.ts';
import { arbitraryTrace, opened, testSpan } from './faulty-trace.ts';
import { plainPath } from './plain-path.ts';

function ran(id: string, parent: string | null, startUs: number, endUs: number, part: Partial<Span> = {}): Span {
  return testSpan(id, parent, { startUs, durationUs: endUs - startUs, ...part });
}
const linkTo = (spanId: string) => ({ links: [{ traceId: '1'.repeat(32), spanId, attributes: {} }] });

/** As `name start-end`, in order of time. */
function pathOf(spans: readonly Span[], top = 0): string[] {
  const tree = buildTree(spans);
  const segments = criticalPath(tree, spanTimes(tree, estimateSkew(tree)), top);
  return segments.map(({ row, startUs, endUs }) => `${tree.spans[row]!.name} ${startUs}-${endUs}`);
}

describe('criticalPath', () => {
  it('works when there are no spans, and for one that takes no time', () => {
    expect(pathOf([])).toEqual([]);
    expect(pathOf([ran('a', null, 5, 5)])).toEqual([]);
  });

  it('is a span itself, but for the children it waits for', () => {
    const spans = [ran('a', null, 0, 100), ran('b', 'a', 10, 30), ran('c', 'a', 40, 90), ran('d', 'c', 50, 60)];
    expect(pathOf(spans)).toEqual(['a 0-10', 'b 10-30', 'a 30-40', 'c 40-50', 'd 50-60', 'c 60-90', 'a 90-100']);
    expect(pathOf(spans, 2)).toEqual(['c 40-50', 'd 50-60', 'c 60-90']);
  });

  it('goes, of children that overlap, through the last to end and those that had ended when it began', () => {
    const spans = [ran('a', null, 0, 100), ran('b', 'a', 5, 20), ran('c', 'a', 10, 60), ran('d', 'a', 50, 80)];
    expect(pathOf(spans)).toEqual(['a 0-5', 'b 5-20', 'a 20-50', 'd 50-80', 'a 80-100']);
  });

  it('cuts children that outlive their parent, and leaves out those that began after it', () => {
    const spans = [ran('a', null, 0, 100), ran('b', 'a', 60, 300), ran('c', 'b', 70, 90), ran('d', 'b', 150, 200)];
    expect(pathOf(spans)).toEqual(['a 0-60', 'b 60-70', 'c 70-90', 'b 90-100']);
    expect(pathOf([ran('a', null, 0, 100), ran('late', 'a', 100, 200)])).toEqual(['a 0-100']);
  });

  it('lets a span without an end run to the last known moment', () => {
    const spans = [
      opened(ran('a', null, 0, 0)),
      ran('b', 'a', 10, 30),
      opened(ran('c', 'b', 20, 0)),
      ran('d', 'a', 15, 70),
    ];
    expect(pathOf(spans)).toEqual(['a 0-15', 'd 15-70']);
  });

  it('follows a link to what had to end before, and gives the wait between them to the parent', () => {
    const spans = [
      ran('a', null, 0, 100),
      ran('produce', 'a', 10, 20),
      ran('work', 'produce', 12, 40),
      ran('b', 'a', 30, 95),
      ran('consume', 'b', 60, 90, linkTo('produce')),
      ran('other', 'a', 20, 25),
    ];
    // `b` began after what `consume` links to had ended, so nothing in it waited for that.
    const before = ['a 0-10', 'produce 10-12', 'work 12-20', 'other 20-25', 'a 25-30'];
    expect(pathOf(spans)).toEqual([...before, 'b 30-60', 'consume 60-90', 'b 90-95', 'a 95-100']);
    const direct = [...spans.slice(0, 3), ran('consume', 'a', 60, 90, linkTo('produce')), ran('other', 'a', 25, 50)];
    expect(pathOf(direct)).toEqual(['a 0-10', 'produce 10-12', 'work 12-20', 'a 20-60', 'consume 60-90', 'a 90-100']);
  });

  it('does not follow links to other traces, to spans that run still, or in circles', () => {
    const elsewhere = { links: [{ ...linkTo('b').links[0]!, traceId: '2'.repeat(32) }] };
    for (const part of [elsewhere, linkTo('c'), linkTo('a'), linkTo('d'), linkTo('nowhere')]) {
      const spans = [ran('a', null, 0, 100), ran('b', 'a', 0, 10), ran('c', 'a', 20, 60), ran('d', 'a', 40, 100, part)];
      expect(pathOf(spans)).toEqual(['b 0-10', 'a 10-40', 'd 40-100']);
    }
    const circle = [ran('a', null, 0, 10), ran('b', 'a', 5, 5, linkTo('c')), ran('c', 'a', 5, 5, linkTo('b'))];
    expect(pathOf(circle)).toEqual(['a 0-10']);
  });

  it('goes by corrected times', () => {
    const spans = [
      ran('a', null, 0, 100_000),
      ran('b', 'a', 10_000, 90_000, { kind: 'client' }),
      testSpan('c', 'b', { clock: 'api', kind: 'server', startUs: -5_000_000, durationUs: 60_000 }),
    ];
    expect(pathOf(spans)).toEqual(['a 0-10000', 'b 10000-20000', 'c 20000-80000', 'b 80000-90000', 'a 90000-100000']);
  });

  it('takes 32,000 spans, 10,000 deep', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => ran(`c${i}`, i === 0 ? null : `c${i - 1}`, i, 100_000 - i));
    const wide = Array.from({ length: 22_000 }, (_, i) => ran(`w${i}`, 'c0', 90_000 + i / 4, 90_000.2 + i / 4));
    expect(lengthOf(buildTree([...wide, ...chain]))).toBe(100_000);
  });

  it('is as long as its span, without gap or overlap, and equals the plain definition, whatever is broken', () => {
    const links = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 4 });
    const open = fc.array(fc.nat(), { maxLength: 2 });
    fc.assert(
      fc.property(arbitraryTrace({ lost: true, cyclic: true }), links, open, ({ received }, links, open) => {
        if (received.length === 0) return;
        const spans = [...received];
        for (const i of open) spans[i % spans.length] = opened(spans[i % spans.length]!);
        for (const [i, j] of links) {
          spans[i % spans.length] = { ...spans[i % spans.length]!, ...linkTo(spans[j % spans.length]!.spanId) };
        }
        const tree = buildTree(spans);
        const times = spanTimes(tree, estimateSkew(tree));
        for (let top = 0; top < tree.spans.length; top++) {
          const path = criticalPath(tree, times, top);
          let at = times.startUs[top]!;
          for (const { row, startUs, endUs } of path) {
            expect(startUs).toBe(at);
            expect(endUs).toBeGreaterThan(startUs);
            expect(row >= top && row < tree.end[top]!).toBe(true);
            expect(times.startUs[row]!).toBeLessThanOrEqual(startUs);
            expect(times.endUs[row]!).toBeGreaterThanOrEqual(endUs);
            at = endUs;
          }
          expect(at).toBe(times.endUs[top]);
          const linked = tree.spans.some((span) => span.links.length > 0);
          expect(path).toEqual((linked ? linkedReference : plainPath)(tree, times, top));
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

function lengthOf(tree: SpanTree): number {
  const path = criticalPath(tree, spanTimes(tree, estimateSkew(tree)));
  return path.reduce((sum, { startUs, endUs }) => sum + (endUs - startUs), 0);
}

/** With links: at each step all rows are looked at. */
function linkedReference({ spans, parent, end }: SpanTree, times: SpanTimes, top: number) {
  const cut = (row: number): { start: number; end: number } => {
    if (row === top) return { start: times.startUs[row]!, end: times.endUs[row]! };
    const above = cut(parent[row]!);
    const clamp = (us: number) => Math.min(Math.max(us, above.start), above.end);
    return { start: clamp(times.startUs[row]!), end: clamp(times.endUs[row]!) };
  };
  const rows = [...spans.keys()].filter((row) => row > top && row < end[top]! && cut(row).start < cut(row).end);
  const lastToEnd = (among: readonly number[]) =>
    among.reduce((last, row) => (last < 0 || cut(row).end > cut(last).end ? row : last), -1);

  const segments: { row: number; startUs: number; endUs: number }[] = [];
  let cursor = cut(top).end;
  const own = (row: number, fromUs: number) => {
    if (fromUs < cursor) segments.unshift({ row, startUs: fromUs, endUs: cursor });
    cursor = fromUs;
  };
  for (let row = top; ; ) {
    const child = lastToEnd(rows.filter((each) => parent[each] === row && cut(each).end <= cursor));
    if (child >= 0) {
      own(row, cut(child).end);
      row = child;
      continue;
    }
    own(row, cut(row).start);
    if (row === top) return segments;
    const { start } = cut(row);
    const named = spans[row]!.links.map(({ spanId }) => rows.findLast((each) => spans[each]!.spanId === spanId) ?? -1);
    row = parent[row]!;
    const before = lastToEnd(
      named.filter((each) => each >= 0 && cut(each).end <= start && cut(each).end >= cut(row).start),
    );
    if (before < 0) continue;
    own(row, cut(before).end);
    row = before;
  }
}
