/**
 * All histograms of a minute in one hash table, from histogram and slot to count. Most of what a span costs is waiting for
 * memory, so a bucket's key and count lie beside each other, and the table is no larger than what is in use.
 */

import { coarserSlot, FINEST_SCALE, Histogram, slotOf } from '../../model/histogram.ts';
import { MAX_MINUTE_BUCKETS } from '../../model/limits.ts';

const SLOT_BITS = 9;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const FIRST_CAPACITY = 128;

/** Buckets in use by all minutes that share it. */
export interface BucketUse {
  buckets: number;
}

/** Histograms have numbers from 0 to 2^21 - 1. */
export class Buckets {
  readonly #use: BucketUse;
  size = 0;
  /** Pairs of a key + 1, 0 where there is none, and its count. */
  #places = new Float64Array(2 * FIRST_CAPACITY);
  #shift = 32 - Math.log2(FIRST_CAPACITY);
  /** How often resolution was halved. */
  #steps = 0;

  constructor(use: BucketUse) {
    this.#use = use;
  }

  record(histogram: number, durationUs: number, weight: number): void {
    this.#put((histogram << SLOT_BITS) | coarserSlot(slotOf(durationUs), this.#steps), weight);
  }

  /** Adds all of `counted`; the resolution becomes the lower of the two. */
  absorb(histogram: number, counted: Histogram): void {
    const steps = FINEST_SCALE - counted.scale;
    while (this.#steps < steps) this.#halve();
    for (const [slot, count] of counted.slots()) {
      this.#put((histogram << SLOT_BITS) | coarserSlot(slot, this.#steps - steps), count);
    }
  }

  /** The histograms that have counts, by number. */
  read(): Map<number, Histogram> {
    const keys = new Int32Array(this.size);
    let count = 0;
    for (let at = 0; at < this.#places.length; at += 2) {
      if (this.#places[at] !== 0) keys[count++] = this.#places[at]! - 1;
    }
    const scale = FINEST_SCALE - this.#steps;
    const histograms = new Map<number, Histogram>();
    let last = -1;
    let histogram = new Histogram();
    for (const key of keys.sort()) {
      if (key >> SLOT_BITS !== last) {
        last = key >> SLOT_BITS;
        histogram = new Histogram();
        histogram.coarsen(scale);
        histograms.set(last, histogram);
      }
      histogram.add(key & SLOT_MASK, this.#places[this.#find(key) + 1]!);
    }
    return histograms;
  }

  /** Where the key is, or would be. */
  #find(key: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    let at = 2 * (Math.imul(key, 0x9e3779b1) >>> this.#shift);
    for (; places[at] !== 0 && places[at] !== key + 1; at = (at + 2) & mask);
    return at;
  }

  #put(key: number, weight: number): void {
    const at = this.#find(key);
    if (this.#places[at] === 0) this.#add(at, key, weight);
    else this.#places[at + 1]! += weight;
  }

  #add(at: number, key: number, weight: number): void {
    this.#places[at] = key + 1;
    this.#places[at + 1] = weight;
    this.size++;
    this.#use.buckets++;
    // At most five in eight places are taken.
    if (16 * this.size > 5 * this.#places.length) this.#rebuild(2 * this.#places.length, 0);
    while (this.size > MAX_MINUTE_BUCKETS) this.#halve();
  }

  #halve(): void {
    this.#steps++;
    this.#rebuild(this.#places.length, 1);
  }

  /** Moves all buckets to a table of `length`, and `steps` down in scale. */
  #rebuild(length: number, steps: number): void {
    const old = this.#places;
    this.#places = new Float64Array(length);
    this.#shift = 33 - Math.log2(length);
    this.#use.buckets -= this.size;
    this.size = 0;
    for (let from = 0; from < old.length; from += 2) {
      if (old[from] === 0) continue;
      const key = old[from]! - 1;
      this.#move((key & ~SLOT_MASK) | coarserSlot(key & SLOT_MASK, steps), old[from + 1]!);
    }
    this.#use.buckets += this.size;
  }

  #move(key: number, count: number): void {
    const at = this.#find(key);
    if (this.#places[at] === 0) this.size++;
    this.#places[at] = key + 1;
    this.#places[at + 1]! += count;
  }
}
