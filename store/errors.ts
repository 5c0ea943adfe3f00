/** What goes wrong in the store, by name. */

/** What is wrong with the bytes of a block. */
export type BlockFault =
  | 'too_short'
  | 'bad_magic'
  | 'unknown_version'
  | 'bad_length'
  | 'bad_section_table'
  | 'no_trace_index'
  | 'bad_trace_index'
  | 'bad_terms'
  | 'wrong_trace'
  | 'too_large'
  | 'bad_frame'
  | 'bad_checksum';

/** Bytes that are not the block, or the entry of a block, that they should be. */
export class BlockError extends Error {
  readonly fault: BlockFault;

  constructor(fault: BlockFault, detail: string, options?: ErrorOptions) {
    super(`block: ${fault.replaceAll('_', ' ')}: ${detail}`, options);
    this.name = 'BlockError';
    this.fault = fault;
  }
}

/**
 * - `unavailable`: D1 or R2 failed; repeat the call later.
 * - `contended`: other writers kept changing the same trace; repeat the call.
 * - `block_missing`: a summary points to a block that is not in R2.
 * - `block_corrupt`: a block is there and does not hold what it should.
 * - `block_conflict`: a write met a block of the same key that holds something else; it will not succeed when repeated.
 * - `snapshot_expired`: a search goes on too long after its first page; begin anew.
 * - `row_corrupt`: a row of D1 cannot be what this code wrote.
 */
export type StoreFault =
  | 'unavailable'
  | 'contended'
  | 'block_missing'
  | 'block_corrupt'
  | 'block_conflict'
  | 'snapshot_expired'
  | 'row_corrupt';

/** A store's call that failed. Nothing it returned earlier is affected. */
export class StoreError extends Error {
  readonly fault: StoreFault;
  /** The block key or the trace id it is about; empty when it is about neither. */
  readonly key: string;

  constructor(fault: StoreFault, key: string, detail: string, options?: ErrorOptions) {
    super(`store: ${fault.replaceAll('_', ' ')}${key && ` (${key})`}: ${detail}`, options);
    this.name = 'StoreError';
    this.fault = fault;
    this.key = key;
  }
}
