/** Counters in the recorder's memory: the page and the worker both add to them, and both can read them. */

import { CLIENT_COUNTS, CLIENT_DROP_REASONS } from '../../model/reasons.ts';
import type { Stats } from '../api/tailrace.ts';
import { headerOf, WORD_COUNTERS } from './memory.ts';

/** What the edge is told. */
const TOLD = [...CLIENT_DROP_REASONS, ...CLIENT_COUNTS] as const;
/** Each has a word in the header, in this order. */
const NAMES = [...TOLD, 'accepted', 'ignored'] as const;
type Counter = (typeof NAMES)[number];
/** Then, for each that the edge is told, how much of it the edge knows. */
const REPORTED = WORD_COUNTERS + NAMES.length;

/** How many spans were lost for each of `CLIENT_DROP_REASONS`, then what `CLIENT_COUNTS` count. */
export type Losses = readonly number[];

export class Counters {
  readonly #header: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.#header = headerOf(buffer);
  }

  add(name: Counter, count = 1): void {
    Atomics.add(this.#header, WORD_COUNTERS + NAMES.indexOf(name), count);
  }

  all(): Stats {
    const counts = NAMES.map((name, i) => [name, Atomics.load(this.#header, WORD_COUNTERS + i)]);
    return Object.fromEntries(counts);
  }

  /** What no acknowledged batch has told the edge. */
  unreported(): Losses {
    return TOLD.map((_, i) => Atomics.load(this.#header, WORD_COUNTERS + i) - Atomics.load(this.#header, REPORTED + i));
  }

  /** To be called when a batch that carried `losses` was acknowledged. */
  report(losses: Losses): void {
    losses.forEach((count, i) => {
      Atomics.add(this.#header, REPORTED + i, count);
    });
  }
}
