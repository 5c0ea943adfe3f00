/** What the faulty edge (`workers/faulty.ts`) is told, and what it tells. */

export interface Faults {
  readonly seed: number;
  /** Of the calls to bindings and storage that can leave something behind, 0 to 1. */
  readonly failing: number;
  /** Of all calls to storage, 0 to 1: the object is aborted there. */
  readonly aborting: number;
}

/** Since the process was started. */
export interface FaultReport {
  readonly calls: number;
  /** By call and time: `R2 put after`. */
  readonly failed: Readonly<Record<string, number>>;
  readonly aborts: number;
}
