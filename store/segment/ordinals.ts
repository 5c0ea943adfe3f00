/** A set of ordinals below `size`, a bit each. */
export class Ordinals {
  readonly size: number;
  readonly words: Int32Array;

  constructor(size: number) {
    this.size = size;
    this.words = new Int32Array((size + 31) >>> 5);
  }

  static all(size: number): Ordinals {
    const all = new Ordinals(size);
    all.words.fill(-1);
    if (size & 31) all.words[all.words.length - 1] = -1 >>> (32 - (size & 31));
    return all;
  }

  add(ordinal: number): void {
    this.words[ordinal >>> 5]! |= 1 << (ordinal & 31);
  }

  remove(ordinal: number): void {
    this.words[ordinal >>> 5]! &= ~(1 << (ordinal & 31));
  }

  /** Keeps what is in `other` too, a set of the same size. */
  intersect(other: Ordinals): void {
    for (let i = 0; i < this.words.length; i++) this.words[i]! &= other.words[i]!;
  }

  /** Adds what is in `other`, a set of the same size. */
  unite(other: Ordinals): void {
    for (let i = 0; i < this.words.length; i++) this.words[i]! |= other.words[i]!;
  }

  get isEmpty(): boolean {
    return this.words.every((word) => word === 0);
  }

  /** The lowest; `size` when there is none. */
  first(): number {
    const i = this.words.findIndex((word) => word !== 0);
    return i === -1 ? this.size : lowest(this.words[i]!) + (i << 5);
  }

  /** The highest; -1 when there is none. */
  last(): number {
    const i = this.words.findLastIndex((word) => word !== 0);
    return i === -1 ? -1 : (i << 5) + 31 - Math.clz32(this.words[i]!);
  }

  /** How many are from `from` to `to` - 1. */
  count(from = 0, to = this.size): number {
    let count = 0;
    for (let i = from >>> 5; i << 5 < to; i++) count += countBits(this.wordIn(i, from, to));
    return count;
  }

  /** Those from `from` to `to` - 1, ascending. */
  *iterate(from = 0, to = this.size): Generator<number, void> {
    for (let i = from >>> 5; i << 5 < to; i++) {
      for (let word = this.wordIn(i, from, to); word !== 0; word &= word - 1) yield (i << 5) + lowest(word);
    }
  }

  /** Word `i` without the bits outside a range. */
  private wordIn(i: number, from: number, to: number): number {
    let word = this.words[i] ?? 0;
    if (from > i << 5) word &= -1 << (from & 31);
    if (to < (i + 1) << 5) word &= -1 >>> (32 - (to & 31));
    return word;
  }
}

/** The lowest bit that is set. */
function lowest(word: number): number {
  return 31 - Math.clz32(word & -word);
}

function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
