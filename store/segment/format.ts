/**
 * The bytes of a segment. `docs/segment-format.md` describes every one of them.
 *
 * ```
 * header │ ids │ starts │ durations │ status │ data block … data block │ index │ trailer
 * ```
 *
 * Columns are cut into pages, each with a checksum, so that a stretch of ordinals is read and believed by itself. The index leads to
 * the data blocks, and the last 64 KiB nearly always have all of it.
 */

import { crc32 } from 'node:zlib';
import { ByteReader, createByteWriter } from '../../model/bytes.ts';
import { compressSection } from '../block-sections.ts';
import { unpack } from './data-block.ts';
import { type DataBlock, MAX_INDEX_BYTES, MAX_SEGMENT_TRACES, type Segment } from './segment.ts';
import { SegmentError } from './segment-error.ts';

/** `TRX1`, read as a little-endian number. */
const MAGIC = 0x31585254;
const VERSION = 1;
export const HEADER_BYTES = 8;
export const TRAILER_BYTES = 28;
/** Traces in a page of a column. */
export const PAGE_TRACES = 1_024;
const CHECKSUM_BYTES = 4;
/** Columns in the order of the file, with the bytes a trace takes. */
export const COLUMNS = { ids: 16, starts: 8, durations: 8, errors: 1 } as const;
export type ColumnName = keyof typeof COLUMNS;

/** Where a data block is, and what it begins with. */
export interface BlockPlace {
  readonly firstKey: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly checksum: number;
}

export interface SegmentIndex {
  readonly traceCount: number;
  /** The first start of each page. */
  readonly pageStarts: readonly number[];
  /** Ascending by first keys, one after the other in the file. */
  readonly blocks: readonly BlockPlace[];
}

export interface Trailer {
  readonly traceCount: number;
  readonly indexOffset: number;
  readonly indexLength: number;
  readonly indexChecksum: number;
}

/** Where a page of a column is; its checksum follows. */
export function pagePlace(traceCount: number, column: ColumnName, page: number): { offset: number; length: number } {
  let offset = HEADER_BYTES;
  for (const [name, width] of Object.entries(COLUMNS)) {
    if (name === column) break;
    offset += columnBytes(traceCount, width);
  }
  const width = COLUMNS[column];
  const traces = Math.min(PAGE_TRACES, traceCount - page * PAGE_TRACES);
  return { offset: offset + page * (PAGE_TRACES * width + CHECKSUM_BYTES), length: traces * width + CHECKSUM_BYTES };
}

export function countPages(traceCount: number): number {
  return Math.ceil(traceCount / PAGE_TRACES);
}

/** Where the data blocks begin. */
export function columnsEnd(traceCount: number): number {
  return Object.values(COLUMNS).reduce<number>((end, width) => end + columnBytes(traceCount, width), HEADER_BYTES);
}

function columnBytes(traceCount: number, width: number): number {
  return traceCount * width + countPages(traceCount) * CHECKSUM_BYTES;
}

/** A page with its checksum checked and taken off. @throws SegmentError */
export function checkPage(bytes: Uint8Array, what: string): Uint8Array {
  const payload = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  if (crc32(payload) !== viewOf(bytes).getUint32(payload.length, true))
    throw new SegmentError('bad_checksum', `of ${what}`);
  return payload;
}

/** @throws SegmentError `bad_checksum` */
export function checkBlock(bytes: Uint8Array, { checksum, offset }: BlockPlace): Uint8Array {
  if (crc32(bytes) !== checksum) throw new SegmentError('bad_checksum', `of the data block at ${offset}`);
  return bytes;
}

export function encodeSegment({ traceCount, columns, blocks }: Segment): Uint8Array {
  const index = encodeIndex(traceCount, columns.starts, blocks);
  const blocksOffset = columnsEnd(traceCount);
  const indexOffset = blocks.reduce((end, block) => end + block.bytes.length, blocksOffset);
  const bytes = new Uint8Array(indexOffset + index.length + TRAILER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  for (const name of Object.keys(COLUMNS) as ColumnName[]) {
    for (let page = 0; page < countPages(traceCount); page++) {
      const { offset, length } = pagePlace(traceCount, name, page);
      const payload = bytes.subarray(offset, offset + length - CHECKSUM_BYTES);
      const at = page * PAGE_TRACES * COLUMNS[name];
      payload.set(bytesOf(columns[name]).subarray(at, at + payload.length));
      view.setUint32(offset + payload.length, crc32(payload), true);
    }
  }
  let at = blocksOffset;
  for (const block of blocks) {
    bytes.set(block.bytes, at);
    at += block.bytes.length;
  }
  bytes.set(index, indexOffset);
  const trailer = indexOffset + index.length;
  view.setUint32(trailer, traceCount, true);
  view.setUint32(trailer + 4, indexOffset, true);
  view.setUint32(trailer + 8, index.length, true);
  view.setUint32(trailer + 12, crc32(index), true);
  view.setUint32(trailer + 16, bytes.length, true);
  view.setUint32(trailer + 20, VERSION, true);
  view.setUint32(trailer + 24, MAGIC, true);
  return bytes;
}

/** A whole segment; all of it but the terms themselves is checked. @throws SegmentError */
export function decodeSegment(bytes: Uint8Array): Segment {
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES) throw new SegmentError('too_short', `${bytes.length} bytes`);
  if (viewOf(bytes).getUint32(0, true) !== MAGIC) throw new SegmentError('bad_magic', 'in the header');
  const version = viewOf(bytes).getUint32(4, true);
  if (version !== VERSION) throw new SegmentError('unknown_version', `${version} in the header`);
  const trailer = decodeTrailer(bytes, bytes.length);
  const { indexOffset, indexLength, traceCount } = trailer;
  const index = decodeIndex(bytes.subarray(indexOffset, indexOffset + indexLength), trailer);
  const column = (name: ColumnName) => {
    const values = new Uint8Array(traceCount * COLUMNS[name]);
    for (let page = 0; page < countPages(traceCount); page++) {
      const { offset, length } = pagePlace(traceCount, name, page);
      values.set(checkPage(bytes.subarray(offset, offset + length), name), page * PAGE_TRACES * COLUMNS[name]);
    }
    return values;
  };
  return {
    traceCount,
    columns: {
      ids: column('ids'),
      starts: new Float64Array(column('starts').buffer),
      durations: new Float64Array(column('durations').buffer),
      errors: column('errors'),
    },
    blocks: index.blocks.map((place) => ({
      firstKey: place.firstKey,
      bytes: checkBlock(bytes.subarray(place.offset, place.offset + place.length), place),
      checksum: place.checksum,
    })),
  };
}

/** The trailer, from the last bytes of a segment of `size` bytes. @throws SegmentError */
export function decodeTrailer(tail: Uint8Array, size: number): Trailer {
  if (tail.length < TRAILER_BYTES) throw new SegmentError('too_short', `${tail.length} bytes`);
  const view = viewOf(tail);
  const at = tail.length - TRAILER_BYTES;
  if (view.getUint32(at + 24, true) !== MAGIC) throw new SegmentError('bad_magic', 'in the trailer');
  const version = view.getUint32(at + 20, true);
  if (version !== VERSION) throw new SegmentError('unknown_version', `${version}, this reader knows ${VERSION}`);
  const declared = view.getUint32(at + 16, true);
  if (declared !== size) throw new SegmentError('bad_length', `${size} bytes, ${declared} expected`);
  const trailer: Trailer = {
    traceCount: view.getUint32(at, true),
    indexOffset: view.getUint32(at + 4, true),
    indexLength: view.getUint32(at + 8, true),
    indexChecksum: view.getUint32(at + 12, true),
  };
  const { traceCount, indexOffset, indexLength } = trailer;
  if (traceCount > MAX_SEGMENT_TRACES) throw new SegmentError('too_large', `${traceCount} traces`);
  if (indexOffset < columnsEnd(traceCount) || indexOffset + indexLength !== size - TRAILER_BYTES) {
    throw new SegmentError('bad_index', `of ${indexLength} bytes at ${indexOffset}`);
  }
  return trailer;
}

function encodeIndex(traceCount: number, starts: Float64Array, blocks: readonly DataBlock[]): Uint8Array {
  const writer = createByteWriter();
  for (let page = 0; page < countPages(traceCount); page++) writer.f64(starts[page * PAGE_TRACES]!);
  writer.varint(blocks.length);
  for (const { firstKey, bytes, checksum } of blocks) {
    writer.varint(firstKey.length);
    writer.raw(firstKey);
    writer.varint(bytes.length);
    writer.raw(new Uint8Array(Uint32Array.of(checksum).buffer));
  }
  return compressSection(writer.written());
}

/** @throws SegmentError */
export function decodeIndex(section: Uint8Array, trailer: Trailer): SegmentIndex {
  const { traceCount, indexOffset, indexChecksum } = trailer;
  if (crc32(section) !== indexChecksum) throw new SegmentError('bad_checksum', 'of the index');
  const reader = new ByteReader(unpack(section, MAX_INDEX_BYTES), (fault, at, what) => {
    throw new SegmentError('bad_index', `${fault} at byte ${at}, ${what}`);
  });
  const pageStarts = Array.from({ length: countPages(traceCount) }, () => reader.f64('start of a page'));
  const count = reader.varint('number of data blocks');
  if (count > reader.remaining)
    throw new SegmentError('bad_index', `${count} data blocks in ${reader.remaining} bytes`);
  const blocks: BlockPlace[] = [];
  let offset = columnsEnd(traceCount);
  for (let i = 0; i < count; i++) {
    const firstKey = reader.raw(reader.varint('key'), 'key');
    const length = reader.varint('length of a data block');
    const checksum = viewOf(reader.raw(4, 'checksum')).getUint32(0, true);
    blocks.push({ firstKey, offset, length, checksum });
    offset += length;
  }
  if (offset !== indexOffset || reader.remaining > 0) {
    throw new SegmentError('bad_index', `of data blocks that end at ${offset} instead of ${indexOffset}`);
  }
  return { traceCount, pageStarts, blocks };
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
