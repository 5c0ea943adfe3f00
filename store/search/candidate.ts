/** What may match a search, from wherever it was found, and what remains to be seen of it. */

import type { TraceFacts } from '../../model/query/matches-search.ts';
import type { SortKey } from '../store.ts';
import type { StoredRow } from '../trace-row.ts';

export interface Candidate {
  readonly key: SortKey;
  /** The database of the ring it was found in. */
  readonly db: number;
  /** Its row there, where that was read. */
  readonly row: StoredRow | null;
  /** Its spans need not be looked at. */
  readonly isExact: boolean;
  /** What it was like when the snapshot was taken, where that has changed since; else null. */
  readonly before: TraceFacts | null;
}

/** Some of the traces. */
export interface Source {
  /** None of them starts later. */
  readonly lastStartUs: number;
  open(): Promise<Stream>;
}

/** The candidates of a source in the order of the search. */
export interface Stream {
  /** The next few; none at the end. */
  next(): Promise<readonly Candidate[]>;
}

/** A stream of what is all there. */
export function streamOf(candidates: readonly Candidate[]): Stream {
  let rest = candidates;
  return {
    async next() {
      const next = rest;
      rest = [];
      return next;
    },
  };
}
