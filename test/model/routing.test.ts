import { expect, it } from 'vitest';
import { ROUTING_SLOTS } from '../../model/limits.ts';
import { holdersOf, ownerOf, shardsInUse, slotOf, slotOfWords } from '../../model/routing.ts';

it.each([
  ['random ids', () => crypto.getRandomValues(new Uint8Array(16))],
  [
    'left-padded 64-bit ids',
    () => {
      const id = new Uint8Array(16);
      crypto.getRandomValues(id.subarray(8));
      return id;
    },
  ],
  [
    'counted ids',
    (
      (n) => () =>
        new Uint8Array(new BigUint64Array([0n, n++]).buffer)
    )(1n),
  ],
])('spreads %s evenly over the shards', (_, next) => {
  const counts = new Array<number>(16).fill(0);
  const draws = 16_000;
  for (let i = 0; i < draws; i++) {
    const slot = slotOf(next());
    expect(slot).toBeGreaterThanOrEqual(0);
    expect(slot).toBeLessThan(ROUTING_SLOTS);
    counts[ownerOf(slot, 16)]!++;
  }
  // 1,000 each expected, standard deviation 31: six of them is never reached by chance.
  for (const count of counts) expect(Math.abs(count - draws / 16)).toBeLessThan(190);
});

it('is the same of words as of bytes', () => {
  for (let i = 0; i < 100; i++) {
    const words = crypto.getRandomValues(new Uint32Array(4));
    expect(slotOfWords(words[0]!, words[1]!, words[2]!, words[3]!)).toBe(slotOf(new Uint8Array(words.buffer)));
  }
});

it('names every shard that may hold a trace once, the owner first', () => {
  const table = { version: 4, shards: 3, former: [4, 8], highest: 8 };
  expect(shardsInUse(table)).toBe(8);
  for (let slot = 0; slot < ROUTING_SLOTS; slot++) {
    const [owner, ...former] = holdersOf(slot, table);
    expect(owner).toBe(Math.floor((slot * 3) / ROUTING_SLOTS));
    const before = new Set([Math.floor((slot * 4) / ROUTING_SLOTS), Math.floor((slot * 8) / ROUTING_SLOTS)]);
    before.delete(owner!);
    expect(new Set(former)).toEqual(before);
    expect(former.length).toBe(before.size);
  }
});
