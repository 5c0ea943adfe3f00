import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompleteTree, completeTree, MISSING_SPAN_NAME } from '../../model/complete-tree.ts';
import { estimateSkew } from '../../model/skew.ts';
import { spanTimes } from '../../model/span-times.ts';
import { buildTree, serviceOf } from '../../model/tree.ts';
import { arbitraryTrace, opened, testSpan } from './faulty-trace.ts';

/** Indented names; `?` for synthetic spans, which have their id's, how often a span came, and the mark. */
function draw(tree: CompleteTree): string[] {
  return tree.spans.map((span, row) => {
    const name = tree.synthetic[row] === 1 ? `?${span.spanId}` : span.name;
    const copies = tree.versions[row]! > 1 ? ` x${tree.versions[row]}` : '';
    const mark = tree.mark[row] === 'none' ? '' : ` !${tree.mark[row]}`;
    return `${'  '.repeat(tree.depth[row]!)}${name}${copies}${mark}`;
  });
}

describe('completeTree', () => {
  it('is what was received when nothing is missing', () => {
    expect(draw(completeTree([]))).toEqual([]);
    expect(completeTree([]).headless).toBe(false);
    const spans = [testSpan('a', null), testSpan('b', 'a')];
    expect(draw(completeTree(spans))).toEqual(['a', '  b']);
    expect(completeTree(spans)).toMatchObject(buildTree(spans));
  });

  it('puts children of a missing parent together, under the root', () => {
    const spans = [
      testSpan('a', null, { startUs: 0, durationUs: 100 }),
      testSpan('b', 'lost', { startUs: 20, durationUs: 30 }),
      testSpan('c', 'lost', { startUs: 10, durationUs: 5 }),
    ];
    const tree = completeTree(spans);
    expect(draw(tree)).toEqual(['a', '  ?lost', '    c', '    b']);
    expect(tree.headless).toBe(false);
    expect(tree.spans[1]).toMatchObject({ name: MISSING_SPAN_NAME, startUs: 10, durationUs: 40, state: 'ended' });
    expect([...tree.versions]).toEqual([1, 0, 1, 1]);
  });

  it('takes the only missing parent for the missing root, and puts one above several', () => {
    const one = completeTree([testSpan('b', 'lost'), testSpan('c', 'lost')]);
    expect(draw(one)).toEqual(['?lost', '  b', '  c']);
    expect(one.headless).toBe(true);
    const two = completeTree([
      testSpan('b', 'lost', { startUs: 5 }),
      testSpan('c', 'gone', { startUs: 7, durationUs: 50 }),
      testSpan('d', '0000000000000000', { startUs: 9 }),
    ]);
    expect(draw(two)).toEqual([
      '?0000000000000001',
      '  ?lost',
      '    b',
      '  ?gone',
      '    c',
      '  ?0000000000000000',
      '    d',
    ]);
    expect(two.spans[0]).toMatchObject({ startUs: 5, durationUs: 52 });
    expect(two.headless).toBe(true);
  });

  it('leaves it at the top where there are several roots', () => {
    const tree = completeTree([
      testSpan('a', null),
      testSpan('b', null, { startUs: 1 }),
      testSpan('c', 'lost', { startUs: 2 }),
    ]);
    expect(draw(tree)).toEqual(['a', 'b', '?lost', '  c']);
  });

  it('is of the service of its children only if its own process can have made them all', () => {
    const serviceOfMissing = (...children: Parameters<typeof testSpan>[2][]) =>
      serviceOf(completeTree(children.map((part, i) => testSpan(String(i), 'lost', part))).spans[0]!);
    expect(serviceOfMissing({ clock: 'web' }, { clock: 'web', kind: 'client' })).toBe('web');
    expect(serviceOfMissing({ clock: 'web' }, { clock: 'api' })).toBe('unknown_service');
    expect(serviceOfMissing({ clock: 'web' }, { clock: 'web', kind: 'server' })).toBe('unknown_service');
    expect(serviceOfMissing({ clock: 'web', kind: 'consumer' })).toBe('unknown_service');
  });

  it('is open while a child is', () => {
    const { state, durationUs } = completeTree([testSpan('b', 'lost'), opened(testSpan('c', 'lost'))]).spans[0]!;
    expect([state, durationUs]).toEqual(['open', undefined]);
  });

  it('marks duplicates, both halves of a shared span by themselves, and cycles', () => {
    const client = testSpan('rpc', 'a', { kind: 'client', clock: 'web' });
    const server = testSpan('rpc', 'a', { kind: 'server', clock: 'api' });
    const spans = [
      testSpan('a', null),
      client,
      server,
      server,
      server,
      testSpan('x', 'y'),
      testSpan('y', 'x', { startUs: 1 }),
    ];
    const tree = completeTree(spans);
    expect(draw(tree)).toEqual(['a', '  rpc', '    rpc x3', 'x !cycle', '  y']);
    expect(tree.duplicates).toBe(2);
  });

  it('has no clock where a span is synthetic, and reaches over its children by their corrected times', () => {
    const ms = 1_000;
    const client = testSpan('c', 'lost', { clock: 'web', kind: 'client', startUs: 10 * ms, durationUs: 100 * ms });
    const server = testSpan('s', 'c', { clock: 'api', kind: 'server', startUs: -60_000 * ms, durationUs: 60 * ms });
    const below = testSpan('b', 'gone', { clock: 'api', startUs: -60_000 * ms, durationUs: 500 * ms });
    const tree = completeTree([client, server, below, testSpan('d', 'gone', { clock: 'db', startUs: 0 })]);
    const skew = estimateSkew(tree);
    const times = spanTimes(tree, skew);
    const row = (id: string) => tree.spans.findIndex(({ spanId }) => spanId === id);
    expect(skew.clocks.map(({ service }) => service).sort()).toEqual(['api', 'db', 'web']);
    expect([row('lost'), row('gone')].map((at) => skew.clockOf[at])).toEqual([-1, -1]);
    const [api, web] = ['api', 'web'].map((name) => skew.clocks.find(({ service }) => service === name)!);
    expect(web!.offsetUs - api!.offsetUs).toBe(-60_030 * ms);
    expect(times.startUs[row('lost')]).toBe(times.startUs[row('c')]);
    expect(times.endUs[row('lost')]).toBe(times.endUs[row('c')]);
    expect(times.startUs[row('gone')]).toBe(Math.min(times.startUs[row('b')]!, times.startUs[row('d')]!));
    expect(times.startUs[0]).toBe(Math.min(...times.startUs));
    expect(times.endUs[0]).toBe(Math.max(...times.endUs));
  });

  it('takes 10,000 levels and 32,000 spans', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => testSpan(`c${i}`, `c${i - 1}`));
    const wide = Array.from({ length: 22_000 }, (_, i) => testSpan(`w${i}`, `lost${i % 7_000}`));
    const tree = completeTree([...wide, ...chain]);
    expect(tree.spans.length).toBe(32_000 + 7_000 + 1 + 1);
    expect(Math.max(...tree.depth)).toBe(10_001);
  });

  it('has every span once, with a parent wherever one was named, whatever was lost, doubled or made a cycle', () => {
    fc.assert(
      fc.property(arbitraryTrace({ lost: true, cyclic: true }), ({ received }) => {
        const tree = completeTree(received);
        const plain = buildTree(received);
        const ids = new Set(received.map(({ spanId }) => spanId));
        const missing = new Set(
          received.flatMap(({ parentSpanId: id }) => (id === undefined || ids.has(id) ? [] : [id])),
        );
        const isReal = (_: unknown, row: number) => tree.synthetic[row] === 0;

        expect(new Set(tree.spans.filter(isReal))).toEqual(new Set(plain.spans));
        const synthetic = tree.spans.filter((_, row) => tree.synthetic[row] === 1);
        const standsIn = synthetic.filter(({ spanId }) => missing.has(spanId));
        expect(new Set(standsIn.map(({ spanId }) => spanId))).toEqual(missing);
        expect(synthetic.length - standsIn.length).toBe(plain.headless && missing.size > 1 ? 1 : 0);
        expect(tree.mark).not.toContain('missing_parent');
        expect(tree.mark.filter((mark) => mark === 'cycle').length).toBe(
          plain.mark.filter((mark) => mark === 'cycle').length,
        );
        expect(tree.duplicates).toBe(received.length - plain.spans.length);
        expect(tree.versions.reduce((sum, n) => sum + n, 0)).toBe(received.length);
        tree.spans.forEach((span, row) => {
          if (tree.parent[row]! >= 0) expect(tree.spans[tree.parent[row]!]!.spanId).toBe(span.parentSpanId);
          else expect(tree.mark[row] === 'cycle' || span.parentSpanId === undefined).toBe(true);
          if (tree.synthetic[row] !== 1) return;
          const below = tree.spans.filter((_, child) => tree.parent[child] === row);
          expect(span.startUs).toBe(Math.min(...below.map(({ startUs }) => startUs)));
          expect(span.durationUs).toBe(
            Math.max(...below.map(({ startUs, durationUs }) => startUs + durationUs!)) - span.startUs,
          );
        });
      }),
      { numRuns: 1_000 },
    );
  });
});
