/** A list of 32-bit integers that grows, without an object for each. */
export class Ints {
  values: Int32Array;
  length = 0;
  private readonly initial: number;

  /** What is not set is `initial`. */
  constructor(initial = 0, capacity = 1024) {
    this.initial = initial;
    this.values = new Int32Array(capacity).fill(initial);
  }

  push(value: number): void {
    if (this.length === this.values.length) this.reserve(this.length + 1);
    this.values[this.length++] = value;
  }

  /** Makes room for indexes below `length`. */
  reserve(length: number): void {
    if (length <= this.values.length) return;
    const grown = new Int32Array(Math.max(length, 2 * this.values.length));
    grown.set(this.values);
    grown.fill(this.initial, this.values.length);
    this.values = grown;
  }
}
