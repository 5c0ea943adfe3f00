/**
 * Who consumes the ring, and how far. Owner, epoch and position are one 64-bit word that changes by one
 * compare-and-swap: whoever lost the role cannot move the position any more, and cannot fail to notice.
 *
 *     bits 0-31 position, bit 32 owner, bits 33-63 epoch
 *
 * The producer reads the position alone, as the low 32 bits (all browsers run on little-endian machines).
 */

import { WORD_CLAIM } from './memory.ts';

/** `DRAIN`: the recorder, in its worker or on the page. `EXIT`: the page while it is hidden or going away. */
export const DRAIN = 0n;
export const EXIT = 1n;
export type Owner = typeof DRAIN | typeof EXIT;

export interface Claim {
  /** The position up to which records are released. */
  readonly position: number;
  /** Looks whether the role is ours, taking note of the position. */
  check(): boolean;
  /** True while nobody has taken the role since `check` or `take`. Ask after reading: what was read is whole then. */
  holds(): boolean;
  /** Takes the role from whoever has it. */
  take(): void;
  /** Hands the role over, if we still have it. */
  give(owner: Owner): void;
  /** Moves the position; false when the role was lost, and then nothing happened. */
  release(position: number): boolean;
}

export function createClaim(buffer: ArrayBufferLike, owner: Owner): Claim {
  const cell = new BigInt64Array(buffer, WORD_CLAIM * 4, 1);
  const load = () => Atomics.load(cell, 0);
  const position = () => Number(BigInt.asIntN(32, load()));
  /** The word as we last saw it while it was ours. */
  let held: bigint | null = null;

  /** Each swap is a new epoch. */
  function swap(from: bigint | null, owner: Owner, position: number): boolean {
    if (from === null) return false;
    const epoch = (from >> 33n) + 1n;
    const to = BigInt.asIntN(64, (((epoch << 1n) | owner) << 32n) | BigInt(position >>> 0));
    const done = Atomics.compareExchange(cell, 0, from, to) === from;
    if (done) held = to;
    return done;
  }

  return {
    get position() {
      return position();
    },
    check() {
      const word = load();
      held = ((word >> 32n) & 1n) === owner ? word : null;
      return held !== null;
    },
    holds: () => load() === held,
    take() {
      while (!swap(load(), owner, position()));
    },
    give(owner) {
      swap(held, owner, position());
      held = null;
    },
    release: (position) => swap(held, owner, position),
  };
}
