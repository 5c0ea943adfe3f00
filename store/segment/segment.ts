/**
 * A segment: what traces can be searched by, without the traces. Whatever it was made of, its terms are compressed data blocks,
 * so that it takes the memory of its file.
 *
 * Traces are numbered in the order of lists, newest first; such a number is an ordinal.
 */

/** What a search compares beside terms, a column each, by ordinal. */
export interface Columns {
  /** 16 bytes each. */
  readonly ids: Uint8Array;
  /** Descending. */
  readonly starts: Float64Array;
  readonly durations: Float64Array;
  /** 1 where the status is `error`. */
  readonly errors: Uint8Array;
}

/** A sorted run of terms with their ordinals, compressed. */
export interface DataBlock {
  /** Key of its first term (`term-key.ts`). */
  readonly firstKey: Uint8Array;
  readonly bytes: Uint8Array;
  /** CRC-32 of the bytes. */
  readonly checksum: number;
}

export interface Segment {
  readonly traceCount: number;
  readonly columns: Columns;
  /** Ascending by their first keys. */
  readonly blocks: readonly DataBlock[];
}

/** Ordinals are positions in bitmaps, and a bitmap is in one data block: 128 KiB. */
export const MAX_SEGMENT_TRACES = 1 << 20;
/** Terms are put into a data block until it has so much. */
export const DATA_BLOCK_BYTES = 32 * 1024;
/** What a data block, or the index, may decompress to. A length beyond it is a fault, not a reason to allocate. */
export const MAX_DATA_BLOCK_BYTES = 512 * 1024;
export const MAX_INDEX_BYTES = 32 * 1024 * 1024;
