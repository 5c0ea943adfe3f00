/** Counters in the recorder's memory: the page and the worker both add to them, and both can read them. */

import { CLIENT_DROP_REASONS } from '../../model/reasons.ts';
import type { Stats } from '../api/tailrace.ts';
import { headerOf, WORD_COUNTERS } from './memory.ts';

/** Each has a word in the header, in this order: the reasons why spans are lost, and what else is counted. */
const NAMES = [...CLIENT_DROP_REASONS, 'accepted', 'saved', 'ignored'] as const;
type Counter = (typeof NAMES)[number];
/** Then, for each reason, how many of the lost the edge knows of. */
const REPORTED = WORD_COUNTERS + NAMES.length;

/** How many spans were lost for each reason, in the order of `CLIENT_DROP_REASONS`. */
export type Losses = readonly number[];

export class Counters {
  readonly #header: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.#header = headerOf(buffer);
  }

  add(name: Counter, count = 1): void {
    Atomics.add(this.#header, WORD_COUNTERS + NAMES.indexOf(name), count);
  }

  all(): Omit<Stats, 'recorded'> {
    const counts = NAMES.map((name, i) => [name, Atomics.load(this.#header, WORD_COUNTERS + i)]);
    return Object.fromEntries(counts);
  }

  /** Spans lost that no acknowledged batch has told the edge about. */
  unreported(): Losses {
    return CLIENT_DROP_REASONS.map(
      (_, i) => Atomics.load(this.#header, WORD_COUNTERS + i) - Atomics.load(this.#header, REPORTED + i),
    );
  }

  /** To be called when a batch that carried `losses` was acknowledged. */
  report(losses: Losses): void {
    losses.forEach((count, i) => {
      Atomics.add(this.#header, REPORTED + i, count);
    });
  }
}
