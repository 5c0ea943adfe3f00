/** Counters: in the recorder's memory, where page and worker both add to them and both can read them; before that is there, in the page's own. */

import { CLIENT_COUNTS, CLIENT_DROP_REASONS } from '../../model/reasons.ts';
import type { Stats } from '../api/tailrace.ts';
import type { Sampling } from '../sampling/sampler.ts';

/** What the edge is told. */
const TOLD = [...CLIENT_DROP_REASONS, ...CLIENT_COUNTS] as const;
/** Each has a word, in this order. */
const NAMES = [...TOLD, 'accepted', 'ignored'] as const;
type Counter = (typeof NAMES)[number];
/** Then, for each that the edge is told, how much of it the edge knows. */
const REPORTED = NAMES.length;

const RECORDED = CLIENT_DROP_REASONS.length + CLIENT_COUNTS.indexOf('recorded');

/** As many are set aside for them. */
export const COUNTER_WORDS = 48;
/** The last word is 1 once a sampler may leave spans out: what it samples has to be weighed from then on. */
const LEAVES_OUT = COUNTER_WORDS - 1;

/** How many spans were lost for each of `CLIENT_DROP_REASONS`, then what `CLIENT_COUNTS` count. */
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

  /** A span has ended. Only the page counts these, so this needs no care. */
  countRecorded(): void {
    this.words[RECORDED]!++;
  }

  all(): Stats {
    const counts = NAMES.map((name, i) => [name, this.words[i]]);
    return Object.fromEntries(counts);
  }

  /** What no acknowledged batch has told the edge. */
  unreported(): Losses {
    return TOLD.map((_, i) => this.words[i]! - this.words[REPORTED + i]!);
  }

  /** To be called when a batch that carried `losses` was acknowledged. */
  report(losses: Losses): void {
    losses.forEach((count, i) => {
      Atomics.add(this.words, REPORTED + i, count);
    });
  }

  /** To be called before `sampling` decides anything. It is for good, because earlier spans may still be on their way. */
  noteSampling(sampling: Sampling | null): void {
    if (sampling && !sampling.keepsUnsampled) this.words[LEAVES_OUT] = 1;
  }

  /** Spans may be missing in this page's batches because they were not sampled. */
  get leavesOut(): boolean {
    return this.words[LEAVES_OUT] === 1;
  }
}
