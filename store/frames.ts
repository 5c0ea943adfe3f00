/**
 * zstd in pieces. The Workers runtime's `zstdCompressSync` fails when its output is larger than about 40 KB (workerd
 * 1.20261102, "Unexpected end of file"), and its `zstdDecompressSync` stops after the first frame. So a large trace is
 * compressed as several frames, each small enough.
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { BlockError } from './errors.ts';

const PARAMS = { [constants.ZSTD_c_compressionLevel]: 3 };
const MIN_CHUNK_BYTES = 1_024;
/** Compresses OTLP to well below the limit. */
const MAX_PIECE_BYTES = 128 * 1024;
/** Stays below the limit even when nothing can be compressed. */
const SAFE_PIECE_BYTES = 32 * 1024;

/** `raw` as zstd frames, at least one. */
export function compressFrames(raw: Uint8Array): Uint8Array[] {
  if (raw.length <= MAX_PIECE_BYTES) return compressPiece(raw);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < raw.length; at += MAX_PIECE_BYTES) {
    frames.push(...compressPiece(raw.subarray(at, at + MAX_PIECE_BYTES)));
  }
  return frames;
}

function compressPiece(piece: Uint8Array): Uint8Array[] {
  try {
    // Told how much comes, zstd takes small tables; a buffer of the output's size spares zeroing 16 KB for each trace.
    const options = {
      params: PARAMS,
      pledgedSrcSize: piece.length,
      chunkSize: Math.max(MIN_CHUNK_BYTES, piece.length),
    };
    return [zstdCompressSync(piece, options)];
  } catch (error) {
    if (piece.length <= SAFE_PIECE_BYTES) throw error;
    const half = piece.length >> 1;
    return [...compressPiece(piece.subarray(0, half)), ...compressPiece(piece.subarray(half))];
  }
}

/** What `frames` decompress to, one after the other. Throws BlockError when it is not exactly `rawLength` bytes. */
export function decompressFrames(frames: readonly Uint8Array[], rawLength: number): Uint8Array {
  const raw = new Uint8Array(rawLength);
  let at = 0;
  for (const frame of frames) {
    const piece = decompress(frame, rawLength - at);
    raw.set(piece, at);
    at += piece.length;
  }
  if (at !== rawLength) throw new BlockError('bad_length', `${at} bytes instead of ${rawLength}`);
  return raw;
}

function decompress(frame: Uint8Array, maxBytes: number): Uint8Array {
  try {
    // The runtime counts the buffers it grows into, not the output: a limit that is exact refuses what fits.
    const output = zstdDecompressSync(frame, { maxOutputLength: 2 * maxBytes + MAX_PIECE_BYTES });
    if (output.length <= maxBytes) return output;
  } catch (cause) {
    throw new BlockError('bad_frame', String(cause), { cause });
  }
  throw new BlockError('bad_frame', `more than ${maxBytes} bytes`);
}
