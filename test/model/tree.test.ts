import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Span } from '../../model/span.ts';
import { buildTree, type NodeMark, type SpanTree, serviceOf } from '../../model/tree.ts';

function span(id: string, parent: string | null, part: Partial<Span> & { service?: string } = {}): Span {
  const { service = 'shop', ...rest } = part;
  return {
    traceId: '1'.repeat(32),
    spanId: id,
    ...(parent === null ? {} : { parentSpanId: parent }),
    name: id,
    kind: 'internal',
    startUs: 0,
    durationUs: 10,
    state: 'ended',
    status: { code: 'unset' },
    attributes: {},
    events: [],
    links: [],
    resource: { attributes: { 'service.name': service } },
    scope: { name: '' },
    ...rest,
  };
}

/** The tree as indented names, marks behind them: easy to read in a failure. */
function draw(tree: SpanTree): string[] {
  return tree.spans.map((node, row) => {
    const mark = tree.mark[row] === 'none' ? '' : ` !${tree.mark[row]}`;
    return `${'  '.repeat(tree.depth[row]!)}${node.name}${mark}`;
  });
}

describe('buildTree', () => {
  it('works when there are no spans', () => {
    const tree = buildTree([]);
    expect(tree.spans).toEqual([]);
    expect(tree.headless).toBe(false);
  });

  it('puts siblings in order of start, whatever order they came in', () => {
    const tree = buildTree([
      span('c', 'a', { startUs: 30 }),
      span('d', 'b', { startUs: 25 }),
      span('b', 'a', { startUs: 20 }),
      span('a', null, { startUs: 10 }),
    ]);
    expect(draw(tree)).toEqual(['a', '  b', '    d', '  c']);
    expect([...tree.parent]).toEqual([-1, 0, 1, 0]);
    expect([...tree.end]).toEqual([4, 3, 3, 4]);
  });

  it('marks spans whose parent is missing and puts them after the real roots', () => {
    const tree = buildTree([span('b', 'lost', { startUs: 1 }), span('a', null, { startUs: 5 }), span('c', 'b')]);
    expect(draw(tree)).toEqual(['a', 'b !missing_parent', '  c']);
    expect(tree.headless).toBe(false);
  });

  it('is headless when every span names a parent', () => {
    expect(buildTree([span('b', 'lost')]).headless).toBe(true);
  });

  it('cuts a cycle above its earliest span and keeps what hangs below', () => {
    const tree = buildTree([
      span('x', 'z', { startUs: 30 }),
      span('y', 'x', { startUs: 10 }),
      span('z', 'y', { startUs: 20 }),
      span('leaf', 'x', { startUs: 40 }),
    ]);
    expect(draw(tree)).toEqual(['y !cycle', '  z', '    x', '      leaf']);
    expect(tree.headless).toBe(true);
  });

  it('shows a span that is its own parent at the top', () => {
    expect(draw(buildTree([span('a', 'a')]))).toEqual(['a !cycle']);
  });

  it('keeps the ended version of a span, then the fuller one, then the first', () => {
    const open = span('a', null, { state: 'open', attributes: { x: 1, y: 2, z: 3 } });
    const abandoned = span('a', null, { state: 'abandoned' });
    const ended = span('a', null, { name: 'ended' });
    const fuller = span('a', null, { name: 'fuller', attributes: { x: 1 } });
    for (const versions of [
      [open, abandoned, ended, fuller],
      [fuller, ended, abandoned, open],
    ]) {
      const tree = buildTree(versions);
      expect(draw(tree)).toEqual(['fuller']);
      expect(tree.duplicates).toBe(3);
    }
    expect(buildTree([open, abandoned]).spans[0]).toBe(abandoned);
    expect(buildTree([ended, { ...ended, name: 'second' }]).spans[0]).toBe(ended);
  });

  it('puts the server half of a shared span under the client half, and children under the half they belong to', () => {
    const tree = buildTree([
      span('root', null),
      span('rpc', 'root', { kind: 'client', service: 'web', name: 'client half' }),
      span('rpc', 'root', { kind: 'server', service: 'api', name: 'server half' }),
      span('query', 'rpc', { service: 'api', startUs: 5 }),
      span('retry', 'rpc', { service: 'web', startUs: 6 }),
    ]);
    expect(draw(tree)).toEqual(['root', '  client half', '    server half', '      query', '    retry']);
  });

  it('takes 10,000 levels and 32,000 spans without recursion', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => span(`c${i}`, i === 0 ? null : `c${i - 1}`, { startUs: i }));
    const wide = Array.from({ length: 22_000 }, (_, i) => span(`w${i}`, `c${i % 10_000}`, { startUs: 50_000 + i }));
    const tree = buildTree([...wide, ...chain.toReversed()]);
    expect(tree.spans.length).toBe(32_000);
    expect(tree.end[0]).toBe(32_000);
    expect(Math.max(...tree.depth)).toBe(10_000);
    expect(tree.mark.every((mark) => mark === 'none')).toBe(true);
  });

  it('equals the plain recursive construction on any spans', () => {
    const id = fc.constantFrom(...'abcdefgh');
    const anySpan = fc
      .record({
        id,
        parent: fc.option(fc.constantFrom(...'abcdefghXY'), { freq: 6 }),
        kind: fc.constantFrom('internal', 'server', 'client'),
        startUs: fc.integer({ min: 0, max: 6 }),
        state: fc.constantFrom('open', 'ended', 'abandoned'),
        extra: fc.integer({ min: 0, max: 2 }),
        service: fc.constantFrom('web', 'api'),
      })
      .map(({ id, parent, kind, startUs, state, extra, service }) =>
        span(id, parent, {
          kind: kind as Span['kind'],
          startUs,
          state: state as Span['state'],
          service,
          attributes: Object.fromEntries(Array.from({ length: extra }, (_, n) => [`k${n}`, n])),
        }),
      );
    fc.assert(
      fc.property(fc.array(anySpan, { maxLength: 24 }), (spans) => {
        const tree = buildTree(spans);
        const expected = referenceTree(spans);
        expect(tree.spans).toEqual(expected.map((row) => row.span));
        expect([...tree.depth]).toEqual(expected.map((row) => row.depth));
        expect(tree.mark).toEqual(expected.map((row) => row.mark));
        expect([...tree.end]).toEqual(expected.map((row, i) => i + row.size));
        expect(tree.duplicates).toBe(spans.length - expected.length);
      }),
      { numRuns: 2_000 },
    );
  });
});

interface ReferenceRow {
  span: Span;
  depth: number;
  size: number;
  mark: NodeMark;
}

/** The same rules written the slow and obvious way. */
function referenceTree(spans: readonly Span[]): ReferenceRow[] {
  const isServer = (a: Span) => a.kind === 'server';
  const keys = [...new Set(spans.map((a) => `${a.spanId}${isServer(a)}`))];
  const rank = (a: Span) => ['open', 'abandoned', 'ended'].indexOf(a.state) * 100 + Object.keys(a.attributes).length;
  const best = keys.map((key) => {
    const versions = spans.filter((a) => `${a.spanId}${isServer(a)}` === key);
    const top = Math.max(...versions.map(rank));
    return versions.find((a) => rank(a) === top)!;
  });
  const find = (id: string, server: boolean) => best.find((a) => a.spanId === id && isServer(a) === server);

  const parents = new Map<Span, Span>();
  const marks = new Map<Span, NodeMark>();
  for (const a of best) {
    const clientHalf = isServer(a) ? find(a.spanId, false) : undefined;
    if (clientHalf) parents.set(a, clientHalf);
    else if (a.parentSpanId !== undefined) {
      const halves = [find(a.parentSpanId, false), find(a.parentSpanId, true)];
      const [other, server] = halves;
      const own = halves.filter((half) => half && serviceOf(half) === serviceOf(a));
      const parent = other && server ? (own.length === 1 ? own[0] : server) : (other ?? server);
      if (parent) parents.set(a, parent);
      else marks.set(a, 'missing_parent');
    }
  }
  for (const a of best) {
    const cycle: Span[] = [a];
    let at = parents.get(a);
    for (let step = 0; at && at !== a && step < best.length; step++) {
      cycle.push(at);
      at = parents.get(at);
    }
    if (at !== a) continue;
    const first = cycle.toSorted((x, y) => x.startUs - y.startUs || best.indexOf(x) - best.indexOf(y))[0]!;
    parents.delete(first);
    marks.set(first, 'cycle');
  }

  const mark = (a: Span) => marks.get(a) ?? 'none';
  const ordered = best.toSorted(
    (x, y) =>
      Number(mark(x) !== 'none') - Number(mark(y) !== 'none') ||
      x.startUs - y.startUs ||
      best.indexOf(x) - best.indexOf(y),
  );
  const rows = (parent: Span | undefined, depth: number): ReferenceRow[] =>
    ordered
      .filter((a) => parents.get(a) === parent)
      .flatMap((a) => {
        const below = rows(a, depth + 1);
        return [{ span: a, depth, size: below.length + 1, mark: mark(a) }, ...below];
      });
  return rows(undefined, 0);
}
