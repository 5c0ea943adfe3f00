/** Counters: in the recorder's memory, where page and worker both add to them and both can read them; before that is there, in the page's own. */

import { CLIENT_DROP_REASONS } from '../../model/reasons.ts';
import type { Stats } from '../api/tailrace.ts';

/** Each has a word, in this order: the reasons why spans are lost, and what else is counted. */
const NAMES = [...CLIENT_DROP_REASONS, 'accepted', 'saved', 'ignored'] as const;
type Counter = (typeof NAMES)[number];
/** Then, for each reason, how many of the lost the edge knows of. */
const REPORTED = NAMES.length;

/** As many are set aside for them. */
export const COUNTER_WORDS = 48;

/** How many spans were lost for each reason, in the order of `CLIENT_DROP_REASONS`. */
export type Losses = readonly number[];

export class Counters {
  readonly words: Int32Array;

  /** The words of memory that `createMemory` made, or as many of others; see `countersOf`. */
  constructor(words: Int32Array = new Int32Array(COUNTER_WORDS)) {
    this.words = words;
  }

  add(name: Counter, count = 1): void {
    Atomics.add(this.words, NAMES.indexOf(name), count);
  }

  all(): Omit<Stats, 'recorded'> {
    const counts = NAMES.map((name, i) => [name, Atomics.load(this.words, i)]);
    return Object.fromEntries(counts);
  }

  /** Spans lost that no acknowledged batch has told the edge about. */
  unreported(): Losses {
    return CLIENT_DROP_REASONS.map((_, i) => Atomics.load(this.words, i) - Atomics.load(this.words, REPORTED + i));
  }

  /** To be called when a batch that carried `losses` was acknowledged. */
  report(losses: Losses): void {
    losses.forEach((count, i) => {
      Atomics.add(this.words, REPORTED + i, count);
    });
  }
}
