/**
 * What an isolate hands to a shard in one append, and what the shard's log keeps of it: the spans of several traces,
 * each trace's as valid OTLP. Layout, repeated to the end of the frame:
 *
 *     16 bytes trace id · 1 byte flags · 4 bytes length (little-endian) · OTLP TracesData
 *
 * The version of this layout is that of the log row around it (`durable-objects/records.ts`).
 */

/** Bytes of a slice in front of its OTLP. */
export const SLICE_HEADER_BYTES = 21;

/** Flag of a slice: the page said that nothing more will come. */
export const SLICE_GOODBYE = 1;
/** Flag of a slice: what its sender did not sample is sent too, so no span stands for others. */
export const SLICE_HAS_UNSAMPLED = 2;

export interface Slice {
  /** Where the trace id's 16 bytes begin in the frame. */
  readonly traceIdAt: number;
  readonly flags: number;
  /** Range of the OTLP bytes in the frame. */
  readonly start: number;
  readonly end: number;
}

/** Collects slices into frames. */
export class FrameWriter {
  private readonly parts: Uint8Array[] = [];
  length = 0;

  add(traceId: Uint8Array, flags: number, otlp: Uint8Array): void {
    const header = new Uint8Array(SLICE_HEADER_BYTES);
    header.set(traceId);
    header[16] = flags;
    new DataView(header.buffer).setUint32(17, otlp.length, true);
    this.parts.push(header, otlp);
    this.length += SLICE_HEADER_BYTES + otlp.length;
  }

  finish(): Uint8Array {
    return concatBytes(this.parts);
  }
}

/** The slices of a frame. Throws RangeError when the frame is cut off: only our own code writes frames. */
export function readFrame(frame: Uint8Array): Slice[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const slices: Slice[] = [];
  for (let at = 0; at < frame.length; ) {
    if (at + SLICE_HEADER_BYTES > frame.length)
      throw new RangeError(`slice frame is cut off in a header at byte ${at}`);
    const start = at + SLICE_HEADER_BYTES;
    const end = start + view.getUint32(at + 17, true);
    if (end > frame.length) throw new RangeError(`slice frame is cut off in a slice at byte ${at}`);
    slices.push({ traceIdAt: at, flags: frame[at + 16]!, start, end });
    at = end;
  }
  return slices;
}

/** Cuts a frame between slices into frames of at most `maxBytes`; a single slice may be larger. */
export function splitFrame(frame: Uint8Array, maxBytes: number): Uint8Array[] {
  if (frame.length <= maxBytes) return [frame];
  const frames: Uint8Array[] = [];
  let start = 0;
  let end = 0;
  for (const slice of readFrame(frame)) {
    if (end > start && slice.end - start > maxBytes) {
      frames.push(frame.subarray(start, end));
      start = end;
    }
    end = slice.end;
  }
  frames.push(frame.subarray(start, end));
  return frames;
}

/** One array with the bytes of all. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
