import { expect, it } from 'vitest';
import { parseConfig } from '../../durable-objects/config.ts';
import { ROUTING_SLOTS } from '../../model/limits.ts';
import { shardOf, slotOf } from '../../worker/routing.ts';

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
  const config = parseConfig('{"shards": 16}');
  const counts = new Array<number>(16).fill(0);
  const draws = 16_000;
  for (let i = 0; i < draws; i++) {
    const slot = slotOf(next());
    expect(slot).toBeGreaterThanOrEqual(0);
    expect(slot).toBeLessThan(ROUTING_SLOTS);
    counts[shardOf(slot, config)]!++;
  }
  // 1,000 each expected, standard deviation 31: six of them is never reached by chance.
  for (const count of counts) expect(Math.abs(count - draws / 16)).toBeLessThan(190);
});
