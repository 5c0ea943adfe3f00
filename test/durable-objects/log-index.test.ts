import fc from 'fast-check';
import { expect, it } from 'vitest';
import { findInIndex, forEachId, IndexBuilder, type RowRange } from '../../durable-objects/log-index.ts';

type Id = [number, number, number, number];

it('finds all entries of each trace in order, while it is built and encoded, reading only what is there', () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const few = fc.oneof(fc.nat(1), word);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(few, few, few, word), { minLength: 1, maxLength: 60 }),
      fc.nat(2_000),
      (ids, count) => {
        const index = new IndexBuilder();
        const model = new Map<string, { id: Id; ranges: RowRange[] }>();
        for (let i = 0; i < count; i++) {
          const id: Id = [...ids[(i * 7) % ids.length]!];
          // Some ids have many entries, most have one.
          if (i % 3 !== 0) id[3] = (id[3] + i) >>> 0;
          const range = { row: i + 1, start: i * 3, end: i * 3 + 2 };
          index.add(...id, range.row, range.start, range.end);
          const known = model.get(id.join());
          if (known) known.ranges.push(range);
          else model.set(id.join(), { id, ranges: [range] });
        }
        const bytes = index.encode();
        let read = 0;
        const reader = (start: number, end: number) => {
          expect(start >= 0 && start <= end && end <= bytes.length).toBe(true);
          read += end - start;
          return bytes.slice(start, end);
        };
        for (const { id, ranges } of model.values()) {
          expect(findInIndex(reader, ...id)).toEqual(ranges);
          expect(index.find(...id)).toEqual(ranges);
        }
        if (model.size > 0) expect(read).toBeGreaterThan(0);
        expect(findInIndex(reader, 5, 6, 7, 8)).toEqual(model.get('5,6,7,8')?.ranges ?? []);
        const seen = new Map<string, number>();
        forEachId(reader, (...id) => seen.set(id.join(), (seen.get(id.join()) ?? 0) + 1));
        expect(seen).toEqual(new Map([...model].map(([key, { ranges }]) => [key, ranges.length])));
      },
    ),
    { numRuns: 60 },
  );
});

it('names bytes that are no index', () => {
  expect(() => findInIndex((start, end) => new Uint8Array(end - start), 1, 2, 3, 4)).toThrow(RangeError);
});
