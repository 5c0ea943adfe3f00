/**
 * Numbers small integers 0, 1, 2 … in the order they come: open addressing over typed arrays, because a Map of numbers
 * costs three times as much a look-up and ten times the memory.
 */

const FIRST_CAPACITY = 64;

export class IntTable {
  size = 0;
  /** Keys by their number; valid up to `size`. */
  keys = new Int32Array(FIRST_CAPACITY);
  /** Pairs of a key and its number + 1, 0 where there is none: beside each other, so that a look-up is one cache line. */
  #places = new Int32Array(4 * FIRST_CAPACITY);
  #shift = 32 - Math.log2(2 * FIRST_CAPACITY);

  /** The key's number, -1 when it has none. */
  find(key: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    for (let at = 2 * (Math.imul(key, 0x9e3779b1) >>> this.#shift); ; at = (at + 2) & mask) {
      const number = places[at + 1]! - 1;
      if (number < 0 || places[at] === key) return number;
    }
  }

  /** Gives a key that has none its number. */
  add(key: number): number {
    if (this.size === this.keys.length) this.#grow();
    this.keys[this.size] = key;
    this.#place(this.size);
    return this.size++;
  }

  #place(number: number): void {
    const places = this.#places;
    const key = this.keys[number]!;
    const mask = places.length - 1;
    let at = 2 * (Math.imul(key, 0x9e3779b1) >>> this.#shift);
    while (places[at + 1] !== 0) at = (at + 2) & mask;
    places[at] = key;
    places[at + 1] = number + 1;
  }

  #grow(): void {
    this.keys = grown(this.keys);
    this.#places = new Int32Array(2 * this.#places.length);
    this.#shift--;
    for (let number = 0; number < this.size; number++) this.#place(number);
  }
}

/** A copy with twice the room. */
export function grown<T extends Int32Array | Float64Array>(column: T): T {
  const copy = new (column.constructor as new (length: number) => T)(2 * column.length);
  copy.set(column);
  return copy;
}
