/** What the faulty edge (`workers/faulty.ts`) is told, and what it tells. */

export interface Faults {
  readonly seed: number;
  /** Of all calls, 0 to 1; see `FaultKind` for what counts as one. */
  readonly failing: number;
  /** Of all calls to storage, 0 to 1: the object is aborted there. */
  readonly aborting: number;
}

/**
 * - `R2`, `D1`: every call that goes there.
 * - `storage`: every call of a shard's storage that changes something: statements, transactions, syncs, alarms.
 * - `reads`: of a shard's storage, all between which nothing waits as one, as a start or the making of a block is: a step
 *   that reads a thousand rows, each of which may fail by itself, would never end.
 */
export type FaultKind = 'R2' | 'D1' | 'storage' | 'reads';

/** What became of a failing call: nothing; it goes on unheard, or is rolled back where that is possible; it is done. */
export type FaultTime = 'before' | 'during' | 'after';

/** Since the process was started. */
export interface FaultReport {
  readonly calls: Readonly<Record<FaultKind, number>>;
  /** By kind, call and time: `R2 put after`. */
  readonly failed: Readonly<Record<string, number>>;
  readonly aborts: number;
}
