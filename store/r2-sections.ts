/** The sections of a block in R2, without its traces: the end of the object, and by range what that does not hold. */

import { type BlockIndex, decodeIndexSection, decodeTermsSection } from './block.ts';
import { decodeSectionTable, SECTIONS, type SectionPlace } from './block-sections.ts';
import { BlockError, StoreError } from './errors.ts';
import { orCorrupt, orUnavailable } from './r2-blocks.ts';
import type { TermIndex } from './term-index.ts';

/** Holds the table of any block, and all sections of most. */
const TAIL_BYTES = 64 * 1024;

/**
 * Where the traces of a block are.
 * @throws StoreError `unavailable`, `block_missing`, or `block_corrupt`
 */
export async function readIndex(bucket: R2Bucket, objectKey: string): Promise<BlockIndex['entries']> {
  return (await readSections(bucket, objectKey)).index;
}

export interface Sections {
  readonly index: BlockIndex['entries'];
  /** null where it was written without. */
  readonly terms: TermIndex | null;
}

/** @throws StoreError `unavailable`, `block_missing`, or `block_corrupt` */
export async function readSections(bucket: R2Bucket, objectKey: string): Promise<Sections> {
  const { bytes: tail, size } = await readRange(bucket, objectKey, { suffix: TAIL_BYTES });
  const tailOffset = size - tail.length;
  const { places } = orCorrupt(objectKey, () => decodeSectionTable(tail, size));
  const indexPlace = places.find(({ type }) => type === SECTIONS.traceIndex);
  const termsPlace = places.find(({ type }) => type === SECTIONS.terms);
  if (!indexPlace) {
    throw new StoreError('block_corrupt', objectKey, new BlockError('no_trace_index', 'in its sections').message);
  }
  const wanted = termsPlace ? [indexPlace, termsPlace] : [indexPlace];
  const from = Math.min(...wanted.map(({ offset }) => offset));
  const missing = Math.max(0, tailOffset - from);
  const before =
    missing > 0 ? (await readRange(bucket, objectKey, { offset: from, length: missing })).bytes : new Uint8Array(0);
  const known = missing > 0 ? Buffer.concat([before, tail]) : tail;
  const payload = ({ offset, length }: SectionPlace) => {
    const start = offset - (tailOffset - before.length);
    return known.subarray(start, start + length);
  };
  return orCorrupt(objectKey, () => ({
    index: decodeIndexSection(payload(indexPlace), indexPlace),
    terms: termsPlace ? decodeTermsSection(payload(termsPlace), termsPlace) : null,
  }));
}

async function readRange(
  bucket: R2Bucket,
  objectKey: string,
  range: R2Range,
): Promise<{ bytes: Uint8Array; size: number }> {
  const object = await orUnavailable(objectKey, bucket.get(objectKey, { range }));
  if (object === null) throw new StoreError('block_missing', objectKey, 'its sections were asked for');
  return { bytes: new Uint8Array(await orUnavailable(objectKey, object.arrayBuffer())), size: object.size };
}
