/**
 * Who consumes the ring, and how far. Owner, epoch and position are one 64-bit word that changes by one
 * compare-and-swap: whoever lost the role cannot move the position any more, and cannot fail to notice.
 *
 *     bits 0-31 position, bits 32-55 epoch, bits 56-63 owner
 *
 * The producer reads the position alone, as the low 32 bits (all browsers run on little-endian machines).
 */

import { WORD_CLAIM } from './memory.ts';

/** `DRAIN`: the recorder, in its worker or on the page. `EXIT`: the page while it is hidden or going away. */
export const DRAIN = 0;
export const EXIT = 1;
export type Owner = typeof DRAIN | typeof EXIT;

const EPOCH = 1n << 32n;
const EPOCH_MASK = 0xffffffn << 32n;
const POSITION_MASK = 0xffffffffn;

export class Claim {
  readonly #cell: BigInt64Array;
  readonly #owner: Owner;
  /** The word as we last saw it while it was ours. */
  #held: bigint | null = null;

  constructor(buffer: ArrayBufferLike, owner: Owner) {
    this.#cell = new BigInt64Array(buffer, WORD_CLAIM * 4, 1);
    this.#owner = owner;
  }

  /** Looks whether the role is ours, taking note of the position. */
  check(): boolean {
    const word = this.#load();
    this.#held = ownerOf(word) === this.#owner ? word : null;
    return this.#held !== null;
  }

  /** True while nobody has taken the role since `check` or `take`. Ask after reading: what was read is whole then. */
  holds(): boolean {
    return this.#held !== null && this.#load() === this.#held;
  }

  /** Takes the role from whoever has it. */
  take(): void {
    this.#move(this.#owner);
  }

  /** Hands the role over, if we still have it. */
  give(owner: Owner): void {
    if (this.holds()) this.#move(owner);
    this.#held = null;
  }

  /** The position up to which records are released. */
  get position(): number {
    return Number(BigInt.asIntN(32, this.#load()));
  }

  /** Moves the position; false when the role was lost, and then nothing happened. */
  release(position: number): boolean {
    if (this.#held === null) return false;
    const next = BigInt.asIntN(64, (this.#held & ~POSITION_MASK) | BigInt(position >>> 0));
    if (Atomics.compareExchange(this.#cell, 0, this.#held, next) !== this.#held) return false;
    this.#held = next;
    return true;
  }

  #move(owner: Owner): void {
    for (;;) {
      const word = this.#load();
      const epoch = (word + EPOCH) & EPOCH_MASK;
      const next = BigInt.asIntN(64, (BigInt(owner) << 56n) | epoch | (word & POSITION_MASK));
      if (Atomics.compareExchange(this.#cell, 0, word, next) !== word) continue;
      this.#held = next;
      return;
    }
  }

  #load(): bigint {
    return Atomics.load(this.#cell, 0);
  }
}

function ownerOf(word: bigint): number {
  return Number(BigInt.asUintN(64, word) >> 56n);
}
