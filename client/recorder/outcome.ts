/** What became of a batch. `accepted`: durable at the edge. `rejected`: it will never be. `unavailable`: it may be later. */
export type Outcome = 'accepted' | 'rejected' | 'unavailable';

export interface Sent {
  readonly outcome: Outcome;
  /** What the edge says of how pressed it is (`docs/operating.md`); null when it says nothing, or we may not read it. */
  readonly pressure: string | null;
}

/** Lets a request pass without a preflight. */
export const CONTENT_TYPE = 'text/plain';
