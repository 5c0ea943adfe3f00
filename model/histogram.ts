/**
 * A histogram of durations that can be merged without loss: OpenTelemetry's exponential histogram
 * (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram) at scale 3. Bucket `index`
 * holds what is above 2^(index/8) and at most 2^((index+1)/8) microseconds, so a quantile is off by 4.4 % at most and a
 * decade takes 27 buckets; scale 2 would be off by 8.7 %, scale 4 would double the bytes of every row. Halving the
 * resolution merges neighbours in pairs, exactly, and lowers the scale by one.
 *
 * Weights are at least 1 and multiples of 2^-16, so sums below 2^37 are exact in any order.
 */

import type { ByteReader, ByteWriter } from './bytes.ts';
import { MAX_SPAN_WEIGHT } from './limits.ts';

/** The scale that durations are recorded at. */
export const FINEST_SCALE = 3;
/** So coarse that 2^53 has two buckets. */
const COARSEST_SCALE = -5;
/** Weights are multiples of 1 / WEIGHT_UNITS. */
const WEIGHT_UNITS = 2 ** 16;
/** A zero costs a byte, a new run two. */
const MAX_RUN_ZEROS = 2;
/** A duration's place at the finest scale: 0 for no duration, else its bucket's index + 2. */
export const DURATION_SLOTS = 426;

/** floor(2^(52 + i/8)), computed with integers: Math.pow may differ between engines. */
const EIGHTHS = [
  4503599627370496, 4911210218475898, 5355712719992597, 5840446135085607, 6369051672525772, 6945500098633947,
  7574121564787629, 8259638134547591,
];

/** The largest integer in each slot. For integers comparing with it is comparing with the true bound. */
const LARGEST = /* @__PURE__ */ Float64Array.from({ length: DURATION_SLOTS }, (_, slot) =>
  slot === 0 ? 0 : Math.floor(EIGHTHS[(slot - 1) % 8]! / 2 ** (52 - Math.floor((slot - 1) / 8))),
);

/** By the 6 bits after the leading one: how many slots above that of the power of two a duration is at least. */
const LEAST_EIGHTH = /* @__PURE__ */ Uint8Array.from({ length: 64 }, (_, bits) =>
  bits === 0 ? 0 : Math.floor(8 * Math.log2(1 + bits / 64)) + 1,
);

/** The slot of a duration in whole microseconds, 0 to 2^53 - 1; exact, powers of two included. */
export function slotOf(durationUs: number): number {
  if (durationUs < 1) return 0;
  let top = durationUs;
  let exponent = 31;
  if (durationUs > 0x7fffffff) {
    top = Math.floor(durationUs / 2 ** 22);
    exponent = 53;
  }
  const zeros = Math.clz32(top);
  let slot = 8 * (exponent - zeros) + 1 + LEAST_EIGHTH[(top << (zeros + 1)) >>> 26]!;
  while (durationUs > LARGEST[slot]!) slot++;
  return slot;
}

/** The slot at a scale that is lower by `steps` than the one `slot` is of. */
export function coarserSlot(slot: number, steps: number): number {
  return slot === 0 ? 0 : ((slot - 2) >> steps) + 2;
}

/** A weight as sums take it: the nearest multiple of 2^-16 from 1 to `MAX_SPAN_WEIGHT`. */
export function roundWeight(weight: number): number {
  return Math.min(MAX_SPAN_WEIGHT, Math.max(1, Math.round(weight * WEIGHT_UNITS) / WEIGHT_UNITS));
}

/** A value and the interval it is in, in microseconds. */
export interface Quantile {
  /** The value whose greatest relative error over the interval is least. */
  readonly estimateUs: number;
  /** Exclusive, but for a duration of 0. */
  readonly lowUs: number;
  /** Inclusive. */
  readonly highUs: number;
}

export interface Bucket extends Quantile {
  readonly count: number;
}

export class Histogram {
  /** Sum of all weights. */
  count = 0;
  #steps = 0;
  /** Counts of the slots from `#first` on. */
  #first = 0;
  #counts = new Float64Array(0);

  /** OpenTelemetry's scale, 3 down to -5: bounds are powers of 2^(2^-scale). */
  get scale(): number {
    return FINEST_SCALE - this.#steps;
  }

  /** How far an estimated quantile is from the true one at most, as a share of the true one. */
  get relativeError(): number {
    const base = 2 ** (2 ** -this.scale);
    return (base - 1) / (base + 1);
  }

  /** Durations are whole microseconds; `weight` as `roundWeight` makes it. */
  record(durationUs: number, weight = 1): void {
    this.add(coarserSlot(slotOf(durationUs), this.#steps), weight);
  }

  /** Adds to a slot of this histogram's scale. */
  add(slot: number, weight: number): void {
    let at = slot - this.#first;
    if (at < 0 || at >= this.#counts.length) {
      this.#reach(slot, slot);
      at = slot - this.#first;
    }
    this.#counts[at]! += weight;
    this.count += weight;
  }

  /** Adds all of `other`; the scale becomes the lower of the two. */
  merge(other: Histogram): this {
    this.coarsen(other.scale);
    if (other.#counts.length === 0) return this;
    const steps = this.#steps - other.#steps;
    const counts = other.#counts;
    this.reserve(coarserSlot(other.#first, steps), coarserSlot(other.#first + counts.length - 1, steps));
    for (let at = 0; at < counts.length; at++) {
      this.#counts[coarserSlot(other.#first + at, steps) - this.#first]! += counts[at]!;
    }
    this.count += other.count;
    return this;
  }

  /** Takes away what was merged before; its scale is not below this one's. */
  subtract(other: Histogram): void {
    const steps = this.#steps - other.#steps;
    for (const [slot, count] of other.slots()) this.add(coarserSlot(slot, steps), -count);
  }

  /** Makes room for the slots from `first` to `last`: adding to them takes no more. */
  reserve(first: number, last: number): void {
    if (first < this.#first || last >= this.#first + this.#counts.length) this.#reach(first, last);
  }

  /** Lowers the scale to `scale` where it is higher. */
  coarsen(scale: number): void {
    const steps = this.scale - scale;
    if (steps <= 0) return;
    const fine = this.slots();
    this.#steps += steps;
    this.#counts = new Float64Array(0);
    this.count = 0;
    for (const [slot, count] of fine) this.add(coarserSlot(slot, steps), count);
  }

  /** The occupied slots, ascending, with their counts. */
  slots(): [slot: number, count: number][] {
    const slots: [number, number][] = [];
    for (let at = 0; at < this.#counts.length; at++) {
      if (this.#counts[at]! > 0) slots.push([this.#first + at, this.#counts[at]!]);
    }
    return slots;
  }

  /** The occupied buckets, ascending. */
  *buckets(): Generator<Bucket> {
    for (const [slot, count] of this.slots()) yield { ...this.#bounds(slot), count };
  }

  /** The smallest duration that at least the share `q` (0 to 1) of all are not above; null when there are none. */
  quantile(q: number): Quantile | null {
    let below = 0;
    let last = -1;
    for (const [slot, count] of this.slots()) {
      below += count;
      last = slot;
      if (below >= q * this.count) break;
    }
    return last < 0 ? null : this.#bounds(last);
  }

  #bounds(slot: number): Quantile {
    if (slot === 0) return { estimateUs: 0, lowUs: 0, highUs: 0 };
    const width = 2 ** -this.scale;
    const lowUs = 2 ** ((slot - 2) * width);
    const highUs = 2 ** ((slot - 1) * width);
    return { estimateUs: (2 * lowUs * highUs) / (lowUs + highUs), lowUs, highUs };
  }

  #reach(from: number, to: number): void {
    const old = this.#counts;
    const first = (old.length === 0 ? from : Math.min(from, this.#first)) & ~7;
    const end = ((old.length === 0 ? to : Math.max(to, this.#first + old.length - 1)) | 7) + 1;
    this.#counts = new Float64Array(end - first);
    if (old.length > 0) this.#counts.set(old, this.#first - first);
    this.#first = first;
  }
}

/**
 * Appends a histogram: its scale as steps below 3, twice the number of runs of slots plus 1 where counts are in units of
 * 2^-16, then for each run the distance of its first slot from the end of the run before, its length, and the count of
 * each of its slots. A run has at most `MAX_RUN_ZEROS` empty slots together, and none at its ends. The container has the
 * version.
 */
export function encodeHistogram(writer: ByteWriter, histogram: Histogram): void {
  const slots = histogram.slots();
  const runs: (typeof slots)[] = [];
  for (const [i, slot] of slots.entries()) {
    if (i > 0 && slot[0] - slots[i - 1]![0] - 1 <= MAX_RUN_ZEROS) runs.at(-1)!.push(slot);
    else runs.push([slot]);
  }
  const isWhole = slots.every(([, count]) => Number.isInteger(count));
  writer.varint(FINEST_SCALE - histogram.scale);
  writer.varint(2 * runs.length + (isWhole ? 0 : 1));
  let end = 0;
  for (const run of runs) {
    const first = run[0]![0];
    writer.varint(first - end);
    writer.varint(run.at(-1)![0] + 1 - first);
    end = first;
    for (const [slot, count] of run) {
      for (; end < slot; end++) writer.varint(0);
      writer.varint(isWhole ? count : count * WEIGHT_UNITS);
      end++;
    }
  }
}

/** Reads what `encodeHistogram` wrote; `fail` throws the caller's error for a value that cannot be. */
export function decodeHistogram(reader: ByteReader, fail: (message: string) => never): Histogram {
  const steps = reader.varint('histogram scale');
  if (steps > FINEST_SCALE - COARSEST_SCALE) fail(`a histogram of scale ${FINEST_SCALE - steps}`);
  const histogram = new Histogram();
  histogram.coarsen(FINEST_SCALE - steps);
  const head = reader.varint('histogram runs');
  const units = head % 2 === 0 ? 1 : WEIGHT_UNITS;
  const slots = coarserSlot(DURATION_SLOTS - 1, steps) + 1;
  let slot = 0;
  for (let runs = Math.floor(head / 2); runs > 0; runs--) {
    slot += reader.varint('histogram slot');
    const end = slot + reader.varint('histogram run');
    if (end === slot || end > slots) fail(`histogram slots ${slot} to ${end} of ${slots}`);
    histogram.reserve(slot, end - 1);
    for (const first = slot; slot < end; slot++) {
      const count = reader.varint('histogram count') / units;
      if (count < 1 && (count > 0 || slot === first || slot === end - 1)) fail(`a histogram count of ${count}`);
      if (count > 0) histogram.add(slot, count);
    }
  }
  return histogram;
}
