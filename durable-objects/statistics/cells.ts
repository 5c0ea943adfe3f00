/** Counts of operations, or of edges: columns by the number that each one's key has in this minute. */

import type { Cell } from '../../model/statistics-row.ts';
import { grown, IntTable } from './int-table.ts';
import { Variance } from './variance.ts';

/** How many cells are let in of each tier: of what has names, of `other` in its service, and of `other` in `other`. */
export type Room = readonly [named: number, other: number, otherOfAll: number];

export class Cells {
  /** Numbers of the keys. */
  readonly table = new IntTable();
  readonly #room: Room;
  readonly #taken = [0, 0, 0];
  #spans = new Float64Array(64);
  #errors = new Float64Array(64);
  #sumUs = new Float64Array(64);
  readonly #variance = new Variance();
  readonly #errorVariance = new Variance();

  constructor(room: Room) {
    this.#room = room;
  }

  /** The number of a key that has none yet; -1 when there is no room for more of its tier. */
  tryAdd(key: number, tier: 0 | 1 | 2): number {
    if (this.#taken[tier]! >= this.#room[tier]) return -1;
    this.#taken[tier]!++;
    if (this.table.size === this.#spans.length) {
      this.#spans = grown(this.#spans);
      this.#errors = grown(this.#errors);
      this.#sumUs = grown(this.#sumUs);
    }
    return this.table.add(key);
  }

  /** Counts a span of a trace, whose number no other trace has; its duration's bucket is counted elsewhere. */
  count(cell: number, trace: number, weight: number, isError: boolean, durationUs: number): void {
    this.#spans[cell]!++;
    this.#addDuration(cell, Math.round(weight * durationUs));
    if (isError) this.#errors[cell]! += weight;
    if (weight === 1) return;
    this.#variance.add(cell, trace, weight);
    if (isError) this.#errorVariance.add(cell, trace, weight);
  }

  /** Adds what was counted elsewhere, but for the histogram. */
  absorb(cell: number, counted: Cell): void {
    this.#spans[cell]! += counted.spans;
    this.#errors[cell]! += counted.errors;
    this.#addDuration(cell, counted.sumUs);
    if (counted.variance > 0) this.#variance.addTotal(cell, counted.variance);
    if (counted.errorVariance > 0) this.#errorVariance.addTotal(cell, counted.errorVariance);
  }

  read(cell: number): Omit<Cell, 'durations'> {
    return {
      spans: this.#spans[cell]!,
      errors: this.#errors[cell]!,
      sumUs: this.#sumUs[cell]!,
      variance: this.#variance.totalOf(cell),
      errorVariance: this.#errorVariance.totalOf(cell),
    };
  }

  /** A sum that would no longer be exact stays at the largest that is. */
  #addDuration(cell: number, durationUs: number): void {
    this.#sumUs[cell] = Math.min(Number.MAX_SAFE_INTEGER, this.#sumUs[cell]! + durationUs);
  }
}
