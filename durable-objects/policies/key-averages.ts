/**
 * How much comes of each key in an interval, as an exponential moving average, for a bounded number of keys; what comes of
 * keys beyond them is counted under null.
 */
export class KeyAverages<TKey> {
  private readonly weight: number;
  private readonly maxKeys: number;
  private averages = new Map<TKey | null, number>();
  private counts = new Map<TKey | null, number>();
  /** Of this interval, and what the averages add up to. */
  counted = 0;
  sum = 0;

  constructor(weight: number, maxKeys: number) {
    this.weight = weight;
    this.maxKeys = maxKeys;
  }

  get byKey(): ReadonlyMap<TKey | null, number> {
    return this.averages;
  }

  /** Counts and gives the key it was counted under. */
  count(key: TKey, amount: number): TKey | null {
    const counted = this.counts.has(key) || this.counts.size < this.maxKeys ? key : null;
    this.counts.set(counted, (this.counts.get(counted) ?? 0) + amount);
    this.counted += amount;
    return counted;
  }

  /** Ends the interval. One in which nothing came leaves the averages as they are, and answers false. */
  fold(): boolean {
    if (this.counts.size === 0) return false;
    // With nothing before it, an interval is all that is known.
    const weight = this.averages.size === 0 ? 1 : this.weight;
    const folded: [TKey | null, number][] = [];
    for (const key of new Set([...this.averages.keys(), ...this.counts.keys()])) {
      const average = weight * (this.counts.get(key) ?? 0) + (1 - weight) * (this.averages.get(key) ?? 0);
      // What came once is forgotten after the next interval without it.
      if (average >= this.weight) folded.push([key, average]);
    }
    if (folded.length > this.maxKeys) folded.sort(([, a], [, b]) => b - a).length = this.maxKeys;
    this.averages = new Map(folded);
    this.sum = folded.reduce((sum, [, average]) => sum + average, 0);
    this.counts = new Map();
    this.counted = 0;
    return true;
  }
}
