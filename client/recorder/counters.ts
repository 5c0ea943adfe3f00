/** Counters in the recorder's memory: the page and the worker both add to them, and both can read them. */

import { CLIENT_DROP_REASONS, type ClientDropReason } from '../../model/reasons.ts';
import { headerOf, WORD_COUNTERS } from './memory.ts';

const REPORTED = WORD_COUNTERS + CLIENT_DROP_REASONS.length;
const TOTALS = REPORTED + CLIENT_DROP_REASONS.length;
const NAMES = ['recorded', 'accepted', 'savedOffline', 'ignoredChanges'] as const;
export type Counter = (typeof NAMES)[number];

export type Losses = Partial<Record<ClientDropReason, number>>;

export class Counters {
  readonly #header: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.#header = headerOf(buffer);
  }

  add(name: Counter, count = 1): void {
    Atomics.add(this.#header, TOTALS + NAMES.indexOf(name), count);
  }

  get(name: Counter): number {
    return Atomics.load(this.#header, TOTALS + NAMES.indexOf(name));
  }

  drop(reason: ClientDropReason, count = 1): void {
    Atomics.add(this.#header, WORD_COUNTERS + CLIENT_DROP_REASONS.indexOf(reason), count);
  }

  /** Spans lost since the page was loaded. */
  dropped(): Losses {
    return this.#collect(() => 0);
  }

  /** Spans lost that no acknowledged batch has told the edge about. */
  unreported(): Losses {
    return this.#collect((i) => Atomics.load(this.#header, REPORTED + i));
  }

  /** To be called when a batch that carried `losses` was acknowledged. */
  report(losses: Losses): void {
    for (const [i, reason] of CLIENT_DROP_REASONS.entries()) {
      Atomics.add(this.#header, REPORTED + i, losses[reason] ?? 0);
    }
  }

  #collect(less: (index: number) => number): Losses {
    const losses: Losses = {};
    for (const [i, reason] of CLIENT_DROP_REASONS.entries()) {
      const count = Atomics.load(this.#header, WORD_COUNTERS + i) - less(i);
      if (count > 0) losses[reason] = count;
    }
    return losses;
  }
}
