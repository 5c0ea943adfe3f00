/** Segments in R2: written once, read by range. */

import { StoreError } from './errors.ts';
import { orUnavailable, readObject } from './r2-blocks.ts';
import { decodeSegment, encodeSegment } from './segment/format.ts';
import { openSegment, type ReadRange, type SegmentReader } from './segment/open.ts';
import type { Segment } from './segment/segment.ts';
import { SegmentError } from './segment/segment-error.ts';

/** How many bytes it took. @throws StoreError `unavailable` */
export async function putSegment(bucket: R2Bucket, segmentKey: string, segment: Segment): Promise<number> {
  const bytes = encodeSegment(segment);
  await orUnavailable(segmentKey, bucket.put(segmentKey, bytes));
  return bytes.length;
}

/** All of it. @throws StoreError `unavailable`, `block_missing`, or `block_corrupt` */
export async function readSegment(bucket: R2Bucket, segmentKey: string): Promise<Segment> {
  const bytes = await readObject(bucket, segmentKey);
  return orCorruptSegment(segmentKey, async () => decodeSegment(bytes));
}

/** To search it. @throws StoreError as above, also later when it is read */
export function openSegmentAt(bucket: R2Bucket, segmentKey: string): Promise<SegmentReader> {
  const read: ReadRange = async (range) => {
    const object = await orUnavailable(segmentKey, bucket.get(segmentKey, { range }));
    if (object === null) throw new StoreError('block_missing', segmentKey, 'the segment was asked for');
    return { bytes: new Uint8Array(await orUnavailable(segmentKey, object.arrayBuffer())), size: object.size };
  };
  return orCorruptSegment(segmentKey, () => openSegment(read));
}

/** What a damaged segment makes of it is about that segment. */
export async function orCorruptSegment<T>(segmentKey: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    if (!(cause instanceof SegmentError)) throw cause;
    throw new StoreError('block_corrupt', segmentKey, cause.message, { cause });
  }
}
