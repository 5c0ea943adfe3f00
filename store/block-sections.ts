/** The end of a block: typed sections, the table that names them, and the trailer that leads to the table. */

import { crc32 } from 'node:zlib';
import { BlockError } from './errors.ts';
import { compressFrames, decompressFrames } from './frames.ts';

/** `TRB1`, read as a little-endian number. */
export const MAGIC = 0x31425254;
export const BLOCK_VERSION = 1;
export const HEADER_BYTES = 8;
export const TRAILER_BYTES = 24;
/** Section types. Numbers are never reused. */
export const SECTIONS = { traceIndex: 1, terms: 2, bloom: 3 } as const;

const SECTION_RECORD_BYTES = 16;
const MAX_SECTIONS = 64;
/** What a compressed section may decompress to. */
const MAX_SECTION_RAW_BYTES = 64 * 1024 * 1024;

export interface Section {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Where a section is, from the block's first byte. */
export interface SectionPlace {
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  readonly checksum: number;
}

/** Sections, table and trailer of a block whose entries end at `offset`. */
export function encodeSections(sections: readonly Section[], offset: number): Uint8Array {
  const payloadBytes = sections.reduce((sum, { payload }) => sum + payload.length, 0);
  const bytes = new Uint8Array(payloadBytes + sections.length * SECTION_RECORD_BYTES + TRAILER_BYTES);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [i, { type, payload }] of sections.entries()) {
    const record = payloadBytes + i * SECTION_RECORD_BYTES;
    bytes.set(payload, at);
    view.setUint32(record, type, true);
    view.setUint32(record + 4, offset + at, true);
    view.setUint32(record + 8, payload.length, true);
    view.setUint32(record + 12, crc32(payload), true);
    at += payload.length;
  }
  const trailer = bytes.length - TRAILER_BYTES;
  view.setUint32(trailer, offset + payloadBytes, true);
  view.setUint32(trailer + 4, sections.length, true);
  view.setUint32(trailer + 8, crc32(bytes.subarray(payloadBytes, trailer)), true);
  view.setUint32(trailer + 12, offset + bytes.length, true);
  view.setUint32(trailer + 16, BLOCK_VERSION, true);
  view.setUint32(trailer + 20, MAGIC, true);
  return bytes;
}

/**
 * The section table from the last bytes of a block of `blockBytes`; they must reach back to the table, as the last 1,048 always do.
 * @throws BlockError
 */
export function decodeSectionTable(tail: Uint8Array, blockBytes: number): { version: number; places: SectionPlace[] } {
  if (tail.length < TRAILER_BYTES) throw new BlockError('too_short', `${tail.length} bytes`);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const trailer = tail.length - TRAILER_BYTES;
  if (view.getUint32(trailer + 20, true) !== MAGIC) throw new BlockError('bad_magic', 'in the trailer');
  const version = view.getUint32(trailer + 16, true);
  if (version !== BLOCK_VERSION)
    throw new BlockError('unknown_version', `${version}, this reader knows ${BLOCK_VERSION}`);
  const declared = view.getUint32(trailer + 12, true);
  if (declared !== blockBytes) throw new BlockError('bad_length', `${blockBytes} bytes, ${declared} expected`);
  const tableOffset = view.getUint32(trailer, true);
  const count = view.getUint32(trailer + 4, true);
  const table = trailer - count * SECTION_RECORD_BYTES;
  const isInPlace =
    tableOffset >= HEADER_BYTES && tableOffset + count * SECTION_RECORD_BYTES === blockBytes - TRAILER_BYTES;
  if (count > MAX_SECTIONS || !isInPlace || table < 0) {
    throw new BlockError('bad_section_table', `${count} sections at ${tableOffset}`);
  }
  if (crc32(tail.subarray(table, trailer)) !== view.getUint32(trailer + 8, true)) {
    throw new BlockError('bad_checksum', 'of the section table');
  }
  const places: SectionPlace[] = [];
  for (let record = table; record < trailer; record += SECTION_RECORD_BYTES) {
    const offset = view.getUint32(record + 4, true);
    const length = view.getUint32(record + 8, true);
    if (offset < HEADER_BYTES || offset + length > tableOffset) {
      throw new BlockError('bad_section_table', `a section of ${length} bytes at ${offset}`);
    }
    const checksum = view.getUint32(record + 12, true);
    places.push({ type: view.getUint32(record, true), offset, length, checksum });
  }
  return { version, places };
}

/** @throws BlockError `bad_checksum` */
export function checkSection(payload: Uint8Array, { type, checksum }: SectionPlace): Uint8Array {
  if (crc32(payload) !== checksum) throw new BlockError('bad_checksum', `of section ${type}`);
  return payload;
}

/** A length, then frames, each after its length. */
export function compressSection(raw: Uint8Array): Uint8Array {
  const frames = compressFrames(raw);
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + 4 + frame.length, 4));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, raw.length, true);
  let at = 4;
  for (const frame of frames) {
    view.setUint32(at, frame.length, true);
    bytes.set(frame, at + 4);
    at += 4 + frame.length;
  }
  return bytes;
}

/** @throws BlockError */
export function decompressSection(payload: Uint8Array): Uint8Array {
  if (payload.length < 4) throw new BlockError('too_short', `a section of ${payload.length} bytes`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const rawLength = view.getUint32(0, true);
  if (rawLength > MAX_SECTION_RAW_BYTES) throw new BlockError('too_large', `${rawLength} bytes uncompressed`);
  const frames: Uint8Array[] = [];
  for (let at = 4; at < payload.length; ) {
    const end = at + 4 <= payload.length ? at + 4 + view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (end > payload.length) throw new BlockError('bad_length', `a frame that ends at ${end} of ${payload.length}`);
    frames.push(payload.subarray(at + 4, end));
    at = end;
  }
  return decompressFrames(frames, rawLength);
}
