import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differenceOf } from '../../model/difference.ts';
import type { Span } from '../../model/span.ts';
import { arbitraryTrace, opened, testSpan } from './faulty-trace.ts';

const root = testSpan('r', null, { name: 'GET /', durationUs: 100, attributes: { gone: 1, same: [1], other: 'a' } });
const query = (id: string, part: Partial<Span> = {}) => testSpan(id, 'r', { name: 'query', startUs: 10, ...part });

describe('differenceOf', () => {
  it('works when there are no spans', () => {
    const none = { startUs: 0, durationUs: 0, spanCount: 0, errorCount: 0 };
    expect(differenceOf([], [])).toEqual({ a: none, b: none, matched: [], onlyInA: [], onlyInB: [] });
  });

  it('says by how much time, status and attributes differ, and what is only in one', () => {
    const a = [root, query('q', { durationUs: 30 }), testSpan('c', 'r', { name: 'cache', startUs: 50 })];
    const slower: Span = {
      ...root,
      durationUs: 150,
      status: { code: 'error' },
      attributes: { same: [1], other: 'b', come: 1, __proto__x: 2 },
    };
    const lost = testSpan('x', 'l', { name: 'lost child', startUs: 60 });
    const b = [slower, query('p', { durationUs: 90 }), opened(query('o', { startUs: 20 })), lost].map((span) => ({
      ...span,
      startUs: span.startUs + 5_000,
    }));
    expect(differenceOf(a, b)).toEqual({
      a: { startUs: 0, durationUs: 100, spanCount: 3, errorCount: 0 },
      b: { startUs: 5_000, durationUs: 150, spanCount: 4, errorCount: 1 },
      matched: [
        {
          service: 'shop',
          name: 'GET /',
          kind: 'internal',
          depth: 0,
          a: { spanId: 'r', durationUs: 100, selfUs: 60, status: 'unset' },
          b: { spanId: 'r', durationUs: 150, selfUs: 10, status: 'error' },
          longerUs: 50,
          selfLongerUs: -50,
          statusChanged: true,
          attributes: { onlyInA: 1, onlyInB: 2, changed: 1 },
        },
        {
          service: 'shop',
          name: 'query',
          kind: 'internal',
          depth: 1,
          a: { spanId: 'q', durationUs: 30, selfUs: 30, status: 'unset' },
          b: { spanId: 'p', durationUs: 90, selfUs: 90, status: 'unset' },
          longerUs: 60,
          selfLongerUs: 60,
        },
      ],
      onlyInA: [
        {
          service: 'shop',
          name: 'cache',
          kind: 'internal',
          depth: 1,
          spanId: 'c',
          durationUs: 10,
          selfUs: 10,
          status: 'unset',
        },
      ],
      onlyInB: [
        expect.objectContaining({ name: 'query', spanId: 'o', selfUs: 130 }),
        expect.objectContaining({ name: 'missing span', spanId: 'l', synthetic: true }),
        expect.objectContaining({ name: 'lost child', spanId: 'x', depth: 2 }),
      ],
    });
  });

  it('is nothing between a trace and itself, and turns round with its sides', () => {
    const broken = arbitraryTrace({ lost: true, cyclic: true });
    fc.assert(
      fc.property(broken, broken, ({ received: a }, { received: b }) => {
        const same = differenceOf(a, a);
        expect([same.onlyInA, same.onlyInB]).toEqual([[], []]);
        expect(same.matched.every(({ longerUs, selfLongerUs }) => !longerUs && selfLongerUs === 0)).toBe(true);
        const [there, back] = [differenceOf(a, b), differenceOf(b, a)];
        expect(there.onlyInA).toEqual(back.onlyInB);
        expect(there.a).toEqual(back.b);
        const turned = back.matched.map(({ a: one, b: two, longerUs }) => [two.spanId, one.spanId, -(longerUs ?? 0)]);
        const pairs = there.matched.map(({ a: one, b: two, longerUs }) => [one.spanId, two.spanId, longerUs ?? 0]);
        expect(new Set(turned.map(String))).toEqual(new Set(pairs.map(String)));
      }),
      { numRuns: 300 },
    );
  });

  it('takes 32,000 spans, 10,000 deep', () => {
    const deep = Array.from({ length: 10_000 }, (_, i) => testSpan(`c${i}`, i === 0 ? null : `c${i - 1}`));
    const wide = Array.from({ length: 22_000 }, (_, i) => testSpan(`w${i}`, 'c9999', { startUs: i }));
    expect(differenceOf([...deep, ...wide], deep).onlyInA.length).toBe(22_000);
  });
});
