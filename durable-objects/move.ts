/** Moves what is not settled to a later bucket. */

import { MAX_LOG_ROW_BYTES } from '../model/limits.ts';
import { FrameWriter, SLICE_HAS_UNSAMPLED, SLICE_HEADER_BYTES } from '../model/slice-frame.ts';
import type { LiveTraces } from './live-traces.ts';
import type { Place } from './log.ts';
import { type EncodedRecord, encodeRecord, MOVE } from './records.ts';
import type { TraceWords } from './trace-words.ts';

/** A slice of at most 1 MiB more always fits into a row. */
const FRAME_BYTES = MAX_LOG_ROW_BYTES / 2;

/** The records that move what is not settled out of `bucket`, so that it can be dropped. */
export function moveRecords(
  live: LiveTraces,
  bucket: number,
  readSlice: (place: Place) => Uint8Array,
): EncodedRecord[] {
  const header = new Uint8Array(Uint32Array.of(bucket).buffer);
  const frames = new Frames((frame) => encodeRecord(MOVE, [header, frame]));
  for (const trace of live.all()) {
    // Slices are in the order in which they came, but for those that were moved before, which are not here.
    for (const place of live.places(trace)) {
      if (place.bucket !== bucket) continue;
      const slice = readSlice({ ...place, start: place.start - SLICE_HEADER_BYTES });
      // A goodbye is known by now.
      const flags = slice[16]! & SLICE_HAS_UNSAMPLED;
      frames.add(live.words(trace), flags, slice.subarray(SLICE_HEADER_BYTES));
    }
  }
  return frames.finish();
}

/** Slices as records that fit into rows. */
class Frames {
  private readonly encode: (frame: Uint8Array) => EncodedRecord;
  private readonly records: EncodedRecord[] = [];
  private frame = new FrameWriter();

  constructor(encode: (frame: Uint8Array) => EncodedRecord) {
    this.encode = encode;
  }

  add(id: TraceWords, flags: number, otlp: Uint8Array): void {
    if (this.frame.length > 0 && this.frame.length + otlp.length > FRAME_BYTES) this.flush();
    this.frame.add(new Uint8Array(Uint32Array.from(id).buffer), flags, otlp);
  }

  finish(): EncodedRecord[] {
    if (this.frame.length > 0) this.flush();
    return this.records;
  }

  private flush(): void {
    this.records.push(this.encode(this.frame.finish()));
    this.frame = new FrameWriter();
  }
}
