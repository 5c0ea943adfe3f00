/** What became of a batch. `accepted`: durable at the edge. `rejected`: it will never be. `unavailable`: it may be later. */
export type Outcome = 'accepted' | 'rejected' | 'unavailable';

export interface Sent {
  readonly outcome: Outcome;
  /** How many of the batch's spans the edge refused although it took the batch. */
  readonly refused: number;
  /** What the edge says of how pressed it is (`docs/operating.md`); null when it says nothing, or we may not read it. */
  readonly pressure: string | null;
  /** How often the batch left; 0 when this was not the time for it. */
  readonly attempts: number;
  /** How long the last answer took. */
  readonly tookMs: number;
  /** How long it makes no sense to send anything. */
  readonly waitMs: number;
}

/** Lets a request pass without a preflight. */
export const CONTENT_TYPE = 'text/plain';

/** How many of a batch's spans the edge refused: whoever answers may say anything. */
export function countRefused(refused: number, spanCount: number): number {
  return Math.max(0, Math.min(refused, spanCount)) | 0;
}
