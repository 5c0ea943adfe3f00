/**
 * Numbers small integers 0, 1, 2 … in the order they come: open addressing over typed arrays, because a Map of numbers
 * costs three times as much a look-up and ten times the memory.
 */

const FIRST_CAPACITY = 64;

export class IntTable {
  size = 0;
  /** Keys by their number; valid up to `size`. */
  keys = new Int32Array(FIRST_CAPACITY);
  /** Number + 1 of the key in each place, 0 where there is none; twice as many as keys at least. */
  #places = new Int32Array(2 * FIRST_CAPACITY);
  #shift = 32 - Math.log2(2 * FIRST_CAPACITY);

  /** The key's number, -1 when it has none. */
  find(key: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    for (let at = Math.imul(key, 0x9e3779b1) >>> this.#shift; ; at = (at + 1) & mask) {
      const number = places[at]! - 1;
      if (number < 0 || this.keys[number] === key) return number;
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
    const mask = this.#places.length - 1;
    let at = Math.imul(this.keys[number]!, 0x9e3779b1) >>> this.#shift;
    while (this.#places[at] !== 0) at = (at + 1) & mask;
    this.#places[at] = number + 1;
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
