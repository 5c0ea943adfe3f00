import type { ReadRange } from '../../../store/segment/open.ts';

/** Reads of a segment's bytes, answered as R2 does, and what was read. */
export function readerOf(bytes: Uint8Array): { read: ReadRange; reads: number[] } {
  const reads: number[] = [];
  return {
    reads,
    read: async (range) => {
      const start = 'suffix' in range ? Math.max(0, bytes.length - range.suffix) : range.offset;
      const end = 'suffix' in range ? bytes.length : range.offset + range.length;
      const part = bytes.slice(start, end);
      reads.push(part.length);
      return { bytes: part, size: bytes.length };
    },
  };
}
