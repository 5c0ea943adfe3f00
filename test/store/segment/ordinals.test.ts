import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ordinals } from '../../../store/segment/ordinals.ts';

const sets = fc.integer({ min: 0, max: 130 }).chain((size) => {
  const some = fc.uniqueArray(fc.nat(Math.max(0, size - 1)), { maxLength: size });
  return fc.record({ size: fc.constant(size), a: some, b: some, from: fc.nat(size), to: fc.nat(size) });
});

function setOf(size: number, ordinals: readonly number[]): Ordinals {
  const set = new Ordinals(size);
  for (const ordinal of ordinals) set.add(ordinal);
  return set;
}

test('property: a set of ordinals is a set', () => {
  fc.assert(
    fc.property(sets, ({ size, a, b, from, to }) => {
      const sorted = a.toSorted((x, y) => x - y);
      const set = setOf(size, a);
      expect([...set.iterate()]).toEqual(sorted);
      const within = sorted.filter((ordinal) => ordinal >= from && ordinal < to);
      expect([...set.iterate(from, to)]).toEqual(within);
      expect([set.count(), set.count(from, to), set.isEmpty]).toEqual([a.length, within.length, a.length === 0]);
      expect([set.first(), set.last()]).toEqual([sorted[0] ?? size, sorted.at(-1) ?? -1]);

      const both = setOf(size, a);
      both.intersect(setOf(size, b));
      expect([...both.iterate()]).toEqual(sorted.filter((ordinal) => b.includes(ordinal)));
      const either = setOf(size, a);
      either.unite(setOf(size, b));
      expect(either.count()).toBe(new Set([...a, ...b]).size);
      for (const ordinal of a) set.remove(ordinal);
      expect(set.isEmpty).toBe(true);
      expect([...Ordinals.all(size).iterate()]).toEqual(Array.from({ length: size }, (_, ordinal) => ordinal));
    }),
    { numRuns: 500 },
  );
});
