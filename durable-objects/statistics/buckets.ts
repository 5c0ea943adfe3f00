/** All histograms of a minute in one hash table, from histogram and slot to count. Histograms have numbers below 2^22. */

import { coarserSlot, FINEST_SCALE, Histogram, slotOf } from '../../model/histogram.ts';
import { MAX_MINUTE_BUCKETS } from '../../model/limits.ts';
import { grown, IntTable } from './int-table.ts';

const SLOT_BITS = 9;
const SLOT_MASK = (1 << SLOT_BITS) - 1;

/** Buckets in use by all minutes that share it. */
export interface BucketUse {
  buckets: number;
}

export class Buckets {
  readonly #use: BucketUse;
  #table = new IntTable();
  #counts = new Float64Array(64);
  /** How often resolution was halved. */
  #steps = 0;

  constructor(use: BucketUse) {
    this.#use = use;
  }

  get size(): number {
    return this.#table.size;
  }

  record(histogram: number, durationUs: number, weight: number): void {
    this.#put((histogram << SLOT_BITS) | coarserSlot(slotOf(durationUs), this.#steps), weight);
    while (this.size > MAX_MINUTE_BUCKETS) this.#halve();
  }

  /** Adds all of `counted`; the resolution becomes the lower of the two. */
  absorb(histogram: number, counted: Histogram): void {
    const steps = FINEST_SCALE - counted.scale;
    while (this.#steps < steps) this.#halve();
    for (const [slot, count] of counted.slots()) {
      this.#put((histogram << SLOT_BITS) | coarserSlot(slot, this.#steps - steps), count);
      while (this.size > MAX_MINUTE_BUCKETS) this.#halve();
    }
  }

  /** The histograms that have counts, by number. */
  read(): Map<number, Histogram> {
    const histograms = new Map<number, Histogram>();
    const scale = FINEST_SCALE - this.#steps;
    for (const key of this.#table.keys.slice(0, this.#table.size).sort()) {
      const number = key >> SLOT_BITS;
      let histogram = histograms.get(number);
      if (histogram === undefined) {
        histogram = new Histogram();
        histogram.coarsen(scale);
        histograms.set(number, histogram);
      }
      histogram.add(key & SLOT_MASK, this.#counts[this.#table.find(key)]!);
    }
    return histograms;
  }

  #put(key: number, weight: number): void {
    let number = this.#table.find(key);
    if (number < 0) {
      if (this.#table.size === this.#counts.length) this.#counts = grown(this.#counts);
      number = this.#table.add(key);
      this.#use.buckets++;
    }
    this.#counts[number]! += weight;
  }

  #halve(): void {
    const { keys, size } = this.#table;
    const counts = this.#counts;
    this.#table = new IntTable();
    this.#counts = new Float64Array(64);
    this.#use.buckets -= size;
    this.#steps++;
    for (let number = 0; number < size; number++) {
      const key = keys[number]!;
      this.#put((key & ~SLOT_MASK) | coarserSlot(key & SLOT_MASK, 1), counts[number]!);
    }
  }
}
