/** What became of a batch. `accepted`: durable at the edge. `rejected`: it will never be. `unavailable`: it may be later. */
export type Outcome = 'accepted' | 'rejected' | 'unavailable';

/** Lets a request pass without a preflight. */
export const CONTENT_TYPE = 'text/plain';
