import type { SegmentRow } from './d1-segments.ts';
import { openSegmentAt } from './r2-segments.ts';
import type { SegmentReader } from './segment/open.ts';

/** What is remembered of opened segments, which never change: some ten KB each. */
const MAX_OPENED = 256;

/** Segments as they were opened, those used last. */
export class OpenSegments {
  private readonly bucket: R2Bucket;
  private readonly opened = new Map<string, SegmentReader>();

  constructor(bucket: R2Bucket) {
    this.bucket = bucket;
  }

  forget(segmentKey: string): void {
    this.opened.delete(segmentKey);
  }

  /** @throws StoreError `unavailable`, `block_missing`, or `block_corrupt` */
  async open({ segmentKey }: SegmentRow): Promise<SegmentReader> {
    const known = this.opened.get(segmentKey);
    const reader = known ?? (await openSegmentAt(this.bucket, segmentKey));
    this.opened.delete(segmentKey);
    this.opened.set(segmentKey, reader);
    for (const key of this.opened.keys()) {
      if (this.opened.size <= MAX_OPENED) break;
      this.opened.delete(key);
    }
    return reader;
  }
}
