/** One trace in a block: its OTLP as zstd frames behind a header that names it and carries a checksum. */

import { crc32 } from 'node:zlib';
import { formatHex, isTraceId, parseHex } from '../model/ids.ts';
import { BlockError } from './errors.ts';
import { compressFrames, decompressFrames } from './frames.ts';

export const ENTRY_HEADER_BYTES = 28;
export const TRACE_ID_BYTES = 16;
/** What one entry may decompress to. A length beyond it in a block is a fault, not a reason to allocate. */
export const MAX_ENTRY_RAW_BYTES = 64 * 1024 * 1024;

/** One trace to put in a block. */
export interface BlockTrace {
  /** 32 lower-case hex digits, once in a block. */
  readonly traceId: string;
  /** OTLP `TracesData`, at most `MAX_ENTRY_RAW_BYTES`. */
  readonly otlp: Uint8Array;
}

/** An entry that is ready to be put anywhere in a block. */
export interface EncodedEntry {
  readonly traceId: string;
  /** Header and frames. */
  readonly bytes: Uint8Array;
  /** Of the OTLP after decompression. */
  readonly rawLength: number;
  /** CRC-32 of the OTLP. */
  readonly checksum: number;
}

/** @throws RangeError for a trace id that is none, or a trace that is too large */
export function encodeBlockEntry({ traceId, otlp }: BlockTrace): EncodedEntry {
  if (!isTraceId(traceId)) throw new RangeError(`block: ${JSON.stringify(traceId)} is not a trace id`);
  if (otlp.length > MAX_ENTRY_RAW_BYTES) {
    throw new RangeError(`block: trace ${traceId} has ${otlp.length} bytes, more than an entry may hold`);
  }
  const [first, ...further] = compressFrames(otlp);
  const checksum = crc32(otlp);
  const length = further.reduce((sum, frame) => sum + 4 + frame.length, ENTRY_HEADER_BYTES + first!.length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(parseHex(traceId)!);
  view.setUint32(16, first!.length, true);
  view.setUint32(20, otlp.length, true);
  view.setUint32(24, checksum, true);
  bytes.set(first!, ENTRY_HEADER_BYTES);
  let at = ENTRY_HEADER_BYTES + first!.length;
  for (const frame of further) {
    view.setUint32(at, frame.length, true);
    bytes.set(frame, at + 4);
    at += 4 + frame.length;
  }
  return { traceId, bytes, rawLength: otlp.length, checksum };
}

/**
 * The OTLP of one trace from exactly its entry's bytes, as a range read gives them.
 * @throws BlockError when they are anything but that trace's entry, whole and undamaged
 */
export function decodeBlockEntry(bytes: Uint8Array, traceId: string): Uint8Array {
  if (bytes.length < ENTRY_HEADER_BYTES) throw new BlockError('too_short', `an entry of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = formatHex(bytes, 0, TRACE_ID_BYTES);
  if (found !== traceId) throw new BlockError('wrong_trace', `${found} where ${traceId} should be`);
  const frames: Uint8Array[] = [];
  for (let at = ENTRY_HEADER_BYTES, lengthAt = 16; at < bytes.length || frames.length === 0; ) {
    const end = at + view.getUint32(lengthAt, true);
    if (end > bytes.length || (end < bytes.length && end + 4 > bytes.length)) {
      throw new BlockError('bad_length', `an entry of ${bytes.length} bytes with a frame that ends at ${end}`);
    }
    frames.push(bytes.subarray(at, end));
    lengthAt = end;
    at = end < bytes.length ? end + 4 : end;
  }
  const rawLength = view.getUint32(20, true);
  if (rawLength > MAX_ENTRY_RAW_BYTES) throw new BlockError('too_large', `${rawLength} bytes uncompressed`);
  const otlp = decompressFrames(frames, rawLength);
  if (crc32(otlp) !== view.getUint32(24, true)) throw new BlockError('bad_checksum', `of trace ${traceId}`);
  return otlp;
}
