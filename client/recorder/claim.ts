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
    this.#held = ((word >> 32n) & 1n) === this.#owner ? word : null;
    return this.#held !== null;
  }

  /** True while nobody has taken the role since `check` or `take`. Ask after reading: what was read is whole then. */
  holds(): boolean {
    return this.#load() === this.#held;
  }

  /** Takes the role from whoever has it. */
  take(): void {
    while (!this.#swap(this.#load(), this.#owner, this.position));
  }

  /** Hands the role over, if we still have it. */
  give(owner: Owner): void {
    if (this.#held !== null) this.#swap(this.#held, owner, this.position);
    this.#held = null;
  }

  /** The position up to which records are released. */
  get position(): number {
    return Number(BigInt.asIntN(32, this.#load()));
  }

  /** Moves the position; false when the role was lost, and then nothing happened. */
  release(position: number): boolean {
    return this.#held !== null && this.#swap(this.#held, this.#owner, position);
  }

  /** Each swap is a new epoch. */
  #swap(from: bigint, owner: Owner, position: number): boolean {
    const epoch = (from >> 33n) + 1n;
    const to = BigInt.asIntN(64, (((epoch << 1n) | owner) << 32n) | BigInt(position >>> 0));
    const done = Atomics.compareExchange(this.#cell, 0, from, to) === from;
    if (done) this.#held = to;
    return done;
  }

  #load(): bigint {
    return Atomics.load(this.#cell, 0);
  }
}
