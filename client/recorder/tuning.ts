/** What is traded against what: memory, latency, and how many spans share a request. */

export interface Tuning {
  /** The ring's size, a power of two; as much again is held at most before it. */
  readonly ringBytes: number;
  /** This much is sent without waiting. */
  readonly flushBytes: number;
  /** How long after the end of a local root what there is is sent. */
  readonly rootEndedMs: number;
  /** How often what there is is sent in any case, with the spans that are open. */
  readonly ageMs: number;
}

/** For a page: 2 MB in all, 4,000 spans or more. */
export const BALANCED: Tuning = { ringBytes: 2 ** 20, flushBytes: 2 ** 18, rootEndedMs: 500, ageMs: 5_000 };
/** Spans are seen within a second: 4,000 of them in half the memory, sent every second or when 1,000 wait. */
export const lowLatency: Tuning = { ringBytes: 2 ** 19, flushBytes: 2 ** 18, rootEndedMs: 50, ageMs: 1_000 };
/** Fewer, larger requests: 64,000 spans, sent every 10 s or when 10,000 wait. */
export const throughput: Tuning = { ringBytes: 2 ** 23, flushBytes: 2 ** 22, rootEndedMs: 200, ageMs: 10_000 };
